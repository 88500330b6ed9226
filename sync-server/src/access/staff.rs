//! People of an organizer: adding one, and finding who may be meant by an e-mail at sign-in.

use super::{password, store};
use crate::{
    app::{App, Tx},
    http::{Failure, StaffRole},
};
use willcall_domain::{
    id::{OrganizerId, StaffId},
    problem::Problem,
};

/// Somebody who begins to work for an organizer.
#[derive(Debug, Clone)]
pub struct NewStaff {
    pub email: String,
    pub name: String,
    pub password: String,
    pub role: StaffRole,
}

/// Somebody an e-mail may mean.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub organizer: OrganizerId,
    pub organizer_slug: String,
    pub organizer_name: String,
    pub staff: StaffId,
    pub password_hash: String,
}

/// Adds a member of staff, or changes name, password and role of the one with this e-mail.
///
/// # Errors
/// When e-mail or password are not usable, or the database is away.
pub async fn add(tx: &mut Tx, new: &NewStaff) -> Result<StaffId, Failure> {
    let email = new.email.trim().to_lowercase();
    if !email.contains('@') || email.len() > 254 {
        return Err(Problem::field("email", "This is no e-mail address.").into());
    }
    let hashed = password::hash(&new.password, tx.entropy()).map_err(|e| Problem::field("password", e.to_string()))?;
    Ok(store::put(tx, &email, new.name.trim(), &hashed, new.role).await?)
}

/// Everybody with this e-mail, in whichever organizer.
///
/// # Errors
/// When the database is away.
pub async fn candidates(app: &App, email: &str) -> Result<Vec<Candidate>, Failure> {
    let mut found = Vec::new();
    for (organizer, staff) in store::by_email(app.untenanted(), email.trim()).await? {
        let mut tx = app.begin(organizer).await?;
        found.extend(store::candidate(&mut tx, staff).await?);
        tx.rollback().await?;
    }
    Ok(found)
}
