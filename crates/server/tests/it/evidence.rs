//! Evidence over the API: bytes are kept before the event that names them, whoever takes a copy is in the custody, and a hold refuses
//! erasure until it is lifted; then the bytes are gone, and their digest stays.

use quarterdeck_api::{Command, Erase, client::ClientError};
use quarterdeck_core::{incident::evidence::Digest, limits::EVIDENCE_BYTES_MAX};
use quarterdeck_ledger::bundle::Bundle;
use serde_json::json;

use crate::harness::{ADMIN, COMMANDER, Deck, RESPONDER, VIEWER, alert, on_every_store};

/// Text that a browser must not take for a page, with a name that is erased.
const LOG: &[u8] = b"<script>alert(1)</script> Jane Roe logged in";

fn code(error: &ClientError) -> (u16, &str) {
    match error {
        ClientError::Refused { status, code, .. } => (*status, code),
        other => panic!("{other}"),
    }
}

async fn begun(deck: &Deck) -> String {
    deck.alert(&json!([alert("bridge", "BridgeDown", "")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    deck.only_incident().await.summary.id
}

#[tokio::test]
async fn what_is_kept_is_there_after_a_crash_and_whoever_takes_it_is_in_its_custody() {
    on_every_store(async |deck| {
        let id = begun(&deck).await;
        let client = deck.client(RESPONDER);
        let given = [("what", "the log of the signer"), ("source", "signer-2"), ("made", "2026-09-21T14:13:20Z")];
        let kept = client.keep_evidence(&id, &given, "text/html", LOG.to_vec()).await.unwrap();
        let again = client.keep_evidence(&id, &given, "text/html", LOG.to_vec()).await.unwrap();
        assert_eq!((kept.number, &kept), (1, &again), "sent twice, kept once");
        assert_eq!(kept.sha256, Digest::of(LOG).to_string());

        let deck = deck.crash().await;
        let client = deck.client(RESPONDER);
        assert_eq!(client.evidence_bytes(&id, 1).await.unwrap(), LOG);
        let url = format!("{}/api/v1/incidents/{id}/evidence/1", deck.base);
        let answer = deck.http.get(url).bearer_auth(RESPONDER).send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert!(header("content-disposition").starts_with("attachment; "), "never shown as a page");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(client.verify_evidence(&id, 1).await.unwrap().same);
        let out = Command::HandOut { number: 1, to: "the police".to_owned(), reason: "case 31".to_owned() };
        deck.client(COMMANDER).command(&id, &out).await.unwrap();

        let list = deck.client(VIEWER).evidence(&id).await.unwrap();
        let custody: Vec<&str> = list.items[0].custody.iter().map(|entry| entry.handling.as_str()).collect();
        assert_eq!(custody, ["read", "verified", "handed_out"]);
        assert_eq!(list.bytes, LOG.len() as u64);
        assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn bad_evidence_is_refused_by_name() {
    let deck = Deck::start().await;
    let id = begun(&deck).await;
    let client = deck.client(RESPONDER);
    let keep = async |given: &[(&str, &str)], kind: &str, bytes: Vec<u8>| {
        client.keep_evidence(&id, given, kind, bytes).await.unwrap_err()
    };
    let what = ("what", "a log");
    assert_eq!(code(&keep(&[what], "text/plain", Vec::new()).await), (413, "evidence_size"));
    let large = vec![1; usize::try_from(EVIDENCE_BYTES_MAX).unwrap() + 1];
    assert_eq!(code(&keep(&[what], "text/plain", large).await).0, 413);
    assert_eq!(code(&keep(&[], "text/plain", vec![1]).await), (422, "bad_text"));
    assert_eq!(code(&keep(&[what], "text", vec![1]).await).0, 400);
    assert_eq!(code(&keep(&[what, ("made", "noon")], "text/plain", vec![1]).await).0, 400);
    assert_eq!(code(&keep(&[what, ("task", "7")], "text/plain", vec![1]).await), (404, "no_such_task"));
    assert_eq!(code(&client.evidence_bytes(&id, 1).await.unwrap_err()), (404, "no_such_evidence"));
    assert_eq!(client.evidence(&id).await.unwrap().items, []);
    deck.finish().await;
}

#[tokio::test]
async fn a_hold_refuses_erasure_and_what_is_erased_leaves_its_digest() {
    on_every_store(async |deck| {
        let id = begun(&deck).await;
        let client = deck.client(RESPONDER);
        let kept = client.keep_evidence(&id, &[("what", "who logged in")], "text/plain", LOG.to_vec()).await.unwrap();
        let hold = Command::Hold { reason: "case 31".to_owned() };
        assert_eq!(code(&client.command(&id, &hold).await.unwrap_err()).0, 403);
        deck.client(COMMANDER).command(&id, &hold).await.unwrap();
        let deck = deck.restart().await;
        let client = deck.client(RESPONDER);
        let erase = Erase { events: Vec::new(), reason: "GDPR".to_owned() };
        let refused = deck.client(ADMIN).erase(&id, &erase).await.unwrap_err();
        assert_eq!(code(&refused), (409, "under_hold"));
        assert!(refused.to_string().contains("case 31"), "{refused}");
        assert_eq!(client.evidence_bytes(&id, 1).await.unwrap(), LOG);

        let lift = Command::LiftHold { reason: "closed".to_owned() };
        assert_eq!(code(&deck.client(COMMANDER).command(&id, &lift).await.unwrap_err()).0, 403);
        deck.client(ADMIN).command(&id, &lift).await.unwrap();
        deck.client(ADMIN).erase(&id, &erase).await.unwrap();
        assert_eq!(code(&client.evidence_bytes(&id, 1).await.unwrap_err()), (410, "erased"));
        let after = client.evidence(&id).await.unwrap();
        assert!(after.items[0].erased && after.items[0].sha256 == kept.sha256, "{after:?}");

        // The same bytes kept anew are a new piece, and there to be read; also after a crash.
        let anew = client.keep_evidence(&id, &[("what", "found again")], "text/plain", LOG.to_vec()).await.unwrap();
        assert_eq!((anew.number, anew.erased), (2, false));
        let deck = deck.crash().await;
        let client = deck.client(RESPONDER);
        assert_eq!(client.evidence_bytes(&id, 2).await.unwrap(), LOG);
        assert_eq!(code(&client.evidence_bytes(&id, 1).await.unwrap_err()), (410, "erased"));
        // A second erasure takes what was kept since.
        deck.client(ADMIN).erase(&id, &erase).await.unwrap();
        assert_eq!(code(&client.evidence_bytes(&id, 2).await.unwrap_err()), (410, "erased"));
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_merged_is_one_matter_a_hold_on_any_part_refuses_to_erase_the_others() {
    on_every_store(async |deck| {
        for service in ["bridge", "vault", "oracle"] {
            deck.alert(&json!([alert(service, &format!("{service} down"), service)])).await;
        }
        for _ in 0..3 {
            deck.receiver.next().await;
        }
        deck.settled().await;
        let open = deck.client(VIEWER).incidents(false).await.unwrap();
        let ids: Vec<String> = open.into_iter().map(|summary| summary.id).collect();
        let [one, two, apart] = ids.try_into().unwrap();
        let commander = deck.client(COMMANDER);
        commander.command(&one, &Command::Merge { into: two.clone() }).await.unwrap();
        let hold = Command::Hold { reason: "case 31".to_owned() };
        let erase = Erase { events: Vec::new(), reason: "GDPR".to_owned() };
        for (held, others) in [(&one, [&one, &two]), (&two, [&one, &two])] {
            commander.command(held, &hold).await.unwrap();
            for other in others {
                let refused = deck.client(ADMIN).erase(other, &erase).await.unwrap_err();
                assert_eq!(code(&refused), (409, "under_hold"), "{held} {other}");
            }
            let lift = Command::LiftHold { reason: "closed".to_owned() };
            deck.client(ADMIN).command(held, &lift).await.unwrap();
        }
        commander.command(&two, &hold).await.unwrap();
        deck.client(ADMIN).erase(&apart, &erase).await.unwrap();
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn many_send_large_pieces_at_once_and_each_is_kept_whole() {
    on_every_store(async |deck| {
        let id = begun(&deck).await;
        let piece = |nth: u8| vec![nth; usize::try_from(EVIDENCE_BYTES_MAX).unwrap()];
        let sending = (1..=6).map(async |nth| {
            let client = deck.client(RESPONDER);
            client
                .keep_evidence(&id, &[("what", "a large piece")], "application/octet-stream", piece(nth))
                .await
                .unwrap()
        });
        let mut kept = futures_util::future::join_all(sending).await;
        kept.sort_by_key(|item| item.number);
        assert_eq!(kept.iter().map(|item| item.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        let deck = deck.crash().await;
        for item in kept {
            assert!(deck.client(RESPONDER).verify_evidence(&id, item.number).await.unwrap().same, "{item:?}");
        }
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_bundle_has_the_bytes_or_the_digests_alone_and_says_who_took_them_out() {
    on_every_store(async |deck| {
        let id = begun(&deck).await;
        let viewer = deck.client(VIEWER);
        viewer.bundle(&id, true).await.unwrap();
        let client = deck.client(RESPONDER);
        let task = serde_json::from_value(json!({"command": "add_task", "title": "restart the signer"})).unwrap();
        client.command(&id, &task).await.unwrap();
        client.keep_evidence(&id, &[("what", "a log"), ("task", "1")], "text/plain", LOG.to_vec()).await.unwrap();
        client.keep_evidence(&id, &[("what", "the same log")], "text/plain", LOG.to_vec()).await.unwrap();
        client.keep_evidence(&id, &[("what", "a picture")], "image/png", vec![0, 1, 2]).await.unwrap();
        assert_eq!(code(&viewer.bundle(&id, true).await.unwrap_err()), (403, "forbidden"));

        let alone = Bundle::decode(&viewer.bundle(&id, false).await.unwrap()).unwrap();
        assert!(alone.attachments().is_empty());
        let whole = Bundle::decode(&client.bundle(&id, true).await.unwrap()).unwrap();
        whole.verify(alone.key()).unwrap();
        let attached: Vec<&[u8]> = whole.attachments().iter().map(|attachment| attachment.bytes.as_slice()).collect();
        assert!(attached.len() == 2 && attached.contains(&LOG) && attached.contains(&[0, 1, 2].as_slice()));
        client.bundle(&id, true).await.unwrap();
        let exports = client.evidence(&id).await.unwrap().exports;
        assert_eq!(exports.len(), 1, "twice within ten minutes is once: {exports:?}");
        assert_eq!(exports[0].words, "took 1 to 3 out in a bundle");

        let review = String::from_utf8(client.review(&id, "md").await.unwrap()).unwrap();
        let digest = Digest::of(LOG).to_string();
        for part in ["Evidence", &digest, "a picture", "took evidence 1 to 3 out in a bundle"] {
            assert!(review.contains(part), "{part} in {review}");
        }
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn in_the_console_a_text_is_pasted_a_file_sent_and_both_are_shown_as_text() {
    let deck = Deck::start().await;
    let id = begun(&deck).await;
    let get = async |path: &str, token: &str| {
        let request = deck.http.get(format!("{}{path}", deck.base)).bearer_auth(token).header("accept", "text/html");
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let post = async |token: &str, kind: &str, body: Vec<u8>| {
        let request = deck.http.post(format!("{}/incidents/{id}/evidence", deck.base)).bearer_auth(token);
        let request = request.header("accept", "text/html").header("content-type", kind).header("origin", &deck.base);
        let answer = request.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let plain = "application/x-www-form-urlencoded";
    let pasted = b"what=who+logged+in&text=%3Cscript%3Ealert(1)%3C/script%3E%0D%0Aline+2".to_vec();
    assert_eq!(post(VIEWER, plain, pasted.clone()).await.0, 403);
    assert!(post(RESPONDER, plain, pasted).await.0 < 400);
    let mut sent = b"--x\r\nContent-Disposition: form-data; name=\"what\"\r\n\r\na picture\r\n".to_vec();
    sent.extend(b"--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n\r\n");
    sent.extend(b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"screen.png\"\r\n");
    sent.extend(b"Content-Type: image/png\r\n\r\n\0\xff\r\n--x--\r\n");
    assert!(post(RESPONDER, "multipart/form-data; boundary=x", sent).await.0 < 400);
    let client = deck.client(RESPONDER);
    assert_eq!(client.evidence_bytes(&id, 1).await.unwrap(), b"<script>alert(1)</script>\nline 2");
    assert_eq!(client.evidence_bytes(&id, 2).await.unwrap(), [0, 255]);
    let kept = client.evidence(&id).await.unwrap().items;
    assert_eq!((kept[1].media_type.as_str(), kept[1].source.as_str()), ("image/png", "screen.png"));

    // What is refused comes back with what was typed.
    let (status, page) = post(RESPONDER, plain, b"what=&text=typed+in+vain&source=signer-2".to_vec()).await;
    assert!(status == 422 && page.contains("typed in vain") && page.contains("signer-2"), "{status} {page}");
    assert_eq!(post(RESPONDER, plain, b"what=nothing".to_vec()).await.0, 422);

    let (status, page) = get(&format!("/incidents/{id}/evidence"), VIEWER).await;
    assert!(status == 200 && page.contains(&kept[0].sha256) && page.contains("a picture"), "{page}");
    assert!(!page.contains("id=\"keep-evidence\""), "a viewer keeps nothing");
    assert!(get(&format!("/incidents/{id}/evidence"), RESPONDER).await.1.contains("id=\"keep-evidence\""));
    assert!(get(&format!("/incidents/{id}"), VIEWER).await.1.contains("who logged in"), "the card");
    let one = format!("/incidents/{id}/evidence/1");
    assert_eq!(get(&one, VIEWER).await.0, 403);
    let (status, page) = get(&one, COMMANDER).await;
    assert!(status == 200 && page.contains("line 2") && !page.contains("<script>alert"), "{page}");
    assert!(get(&format!("/incidents/{id}/evidence/2"), COMMANDER).await.1.contains("It is no text"));
    assert_eq!(get(&format!("/incidents/{id}/evidence/9"), COMMANDER).await.0, 404);
    let custody = deck.client(VIEWER).evidence(&id).await.unwrap().items.remove(0).custody;
    assert_eq!(custody.len(), 2, "the responder, and the commander who saw the page: {custody:?}");
    deck.finish().await;
}
