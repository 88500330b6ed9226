//! A station speaks: is it the one there is?

use super::{About, Desk, Device, Server};
use crate::{
    bugs::Bug,
    network::{Answer, Question},
    town,
};
use sha2::{Digest, Sha256};
use willcall_domain::{
    devices::{
        Role,
        certificate::{CertificateBody, DeviceCertificate, certified_keys, sign_certificate},
    },
    id::DeviceId,
    sync::{
        CaseKind,
        recognise::{Recognised, Told, recognise},
    },
};

/// So many incarnations of one device that were doubted, and it is suspended until a person has looked.
const MANY_DOUBTS: usize = 3;

impl Server {
    /// Recognises who speaks, and answers.
    pub fn contact(&mut self, device: DeviceId, ask: &Question, at: &mut Desk<'_>) -> Option<Answer> {
        let journal = self.journals.get(&(device, ask.incarnation));
        let acked = journal.map_or(0, |j| j.known.run());
        let of_length = |j: &super::Journal| {
            j.entries.keys().filter(|(seq, _)| *seq == ask.length).map(|(_, hash)| *hash).collect()
        };
        let hashes: Vec<[u8; 32]> = journal.map(of_length).unwrap_or_default();
        let server_key = self.key.clone();
        let row = self.devices.get_mut(&device).filter(|d| !d.revoked)?;
        row.last_heard = at.now;
        let newest = row.newest;
        let (recognised, token) = row.recognise(ask, hashes, at);
        if matches!(recognised, Recognised::Doubted(_)) {
            // Two that both go on as one device would take each other for the copy without end.
            row.suspended |= row.remembered.values().filter(|r| r.doubted).count() >= MANY_DOUBTS;
        }
        let suspect = matches!(recognised, Recognised::Doubted(_)) || row.suspended;
        let certificate = row.certificate(device, &server_key);
        let newest = newest.max(ask.incarnation);
        let all_told = ask.waiting == 0 && ask.history == Some(self.history) && acked >= ask.length;
        if all_told {
            self.heard(device, at);
        }
        if ask.suspect {
            self.open_once(CaseKind::SuspectStation, Some(device), About::default(), at);
        }
        let grants = if suspect { Vec::new() } else { self.open_grants(device) };
        let rights = if suspect { Vec::new() } else { self.open_rights(device) };
        let (history, now) = (self.history, at.now);
        Some(Answer { history, acked, token, suspect, newest, certificate, grants, rights, now })
    }
}

impl Device {
    fn recognise(
        &mut self,
        ask: &Question,
        hashes: Vec<[u8; 32]>,
        at: &mut Desk<'_>,
    ) -> (Recognised, Option<[u8; 32]>) {
        let newest = self.newest;
        self.newest = newest.max(ask.incarnation);
        let known = self.remembered.entry(ask.incarnation).or_default();
        (known.newest_incarnation, known.hashes) = (newest, hashes);
        let told = Told {
            incarnation: ask.incarnation,
            length: ask.length,
            tail: ask.tail,
            token: ask.token.map(|t| Sha256::digest(t).into()),
            keeps_tokens: true,
            machine: &ask.machine,
            suspect: ask.suspect,
            clock: Some(ask.wall),
        };
        let blind = at.bug == Some(Bug::CopiedStation) || at.bug == Some(Bug::RestoreWithoutIncarnation);
        let recognised = if blind { Recognised::Late } else { recognise(&told, known) };
        match recognised {
            Recognised::Known => {
                let mut fresh = [0; 32];
                fresh[..8].copy_from_slice(&at.dice.throw().to_be_bytes());
                known.tokens = [Some(Sha256::digest(fresh).into()), told.token];
                known.machine.clone_from(&ask.machine);
                known.longest = known.longest.max(ask.length);
                known.clock = Some(ask.wall);
                (recognised, Some(fresh))
            }
            Recognised::Late => (recognised, None),
            Recognised::Doubted(_) => {
                known.doubted = true;
                (recognised, None)
            }
        }
    }

    /// Says the same until a key changes.
    fn certificate(&mut self, device_id: DeviceId, key: &ed25519_dalek::SigningKey) -> Option<DeviceCertificate> {
        let changes = self.keys.changes().len();
        if let Some((of, certificate)) = &self.certificate
            && *of == changes
        {
            return Some(certificate.clone());
        }
        let body = CertificateBody {
            organizer_id: town::ORGANIZER,
            device_id,
            name: device_id.to_string(),
            role: if self.sells { Role::Till } else { Role::Door },
            keys: certified_keys(&self.keys),
        };
        let certificate = sign_certificate(&body, key).ok()?;
        self.certificate = Some((changes, certificate.clone()));
        Some(certificate)
    }
}
