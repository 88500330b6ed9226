//! Mail into a folder, as it is with no mail server.

use crate::support::NOW;
use willcall_domain::{clock::ManualClock, entropy::OsEntropy};
use willcall_server::{
    config::Mail,
    mail::{Enclosure, Letter, MailError, Mailer},
};

fn letter(to: &str) -> Letter {
    Letter {
        to: to.to_owned(),
        to_name: "Jürgen Müller".to_owned(),
        from_name: "Harbour Hall, Hamburg".to_owned(),
        reply_to: "box-office@harbour-hall.example".to_owned(),
        subject: "Ihre Tickets für „Winter“".to_owned(),
        text: "Grüße".to_owned(),
        html: Some("<p>Grüße</p>".to_owned()),
        attachments: vec![Enclosure {
            name: "tickets.pdf".to_owned(),
            content_type: "application/pdf".to_owned(),
            bytes: b"%PDF-1.7".to_vec(),
        }],
    }
}

#[tokio::test]
async fn a_mail_lies_in_the_folder_whole_with_words_and_attachment() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = Mailer::new(&Mail::for_testing(folder.path())).unwrap();
    mailer.send(letter("juergen@example.org"), &ManualClock::at(NOW), &OsEntropy).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(mailer.folder().unwrap()).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "nothing unfinished lies beside it: {files:?}");
    assert_eq!(files[0].extension().unwrap(), "eml");
    let text = std::fs::read_to_string(&files[0]).unwrap();
    for part in [
        "<tickets@example.org>",
        "<juergen@example.org>",
        "Reply-To: box-office@harbour-hall.example",
        "multipart/alternative",
        "text/html",
        "filename=\"tickets.pdf\"",
        "%PDF-1.7",
        "Date: Sat, 21 Nov 2026",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[tokio::test]
async fn an_address_nobody_can_have_is_a_final_failure_and_a_missing_folder_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = Mailer::new(&Mail::for_testing(folder.path())).unwrap();
    for nobody in ["", "nobody", "a b@example.org", "x@example.org\r\nBcc: y@example.org"] {
        let error = mailer.send(letter(nobody), &ManualClock::at(NOW), &OsEntropy).await.unwrap_err();
        assert!(error.is_final() && matches!(error, MailError::Recipient(_)), "{nobody:?}: {error}");
    }
    std::fs::write(folder.path().join("mail"), "in the way").unwrap();
    let error = mailer.send(letter("a@example.org"), &ManualClock::at(NOW), &OsEntropy).await.unwrap_err();
    assert!(!error.is_final(), "a folder can be repaired: {error}");
}
