//! Where facts stand: once for what they are about, at the site whose it is.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use hilum_events::{DecodeError, Envelope, Event, Site, Subject, finds, in_lane, lane_of, samples};

#[test]
fn no_place_changes_with_the_site() {
    let sites = ["alpha", "bravo"].map(|name| name.parse::<Site>().unwrap());
    for envelope in samples::one_of_each() {
        let place = envelope.event.unique_among();
        let [alpha, bravo] = sites.each_ref().map(|site| envelope.event.subject(site));
        assert_ne!(alpha, bravo);
        assert!(finds(&place, &alpha) && finds(&place, &bravo), "{place} is not both {alpha} and {bravo}");
    }
}

#[test]
fn no_fact_is_found_in_the_place_of_another() {
    let all = samples::one_of_each();
    for envelope in &all {
        let found: Vec<_> = all
            .iter()
            .filter(|other| finds(&envelope.event.unique_among(), &other.subject()))
            .map(|other| other.event.name())
            .collect();
        assert_eq!(found, [envelope.event.name()]);
    }
}

#[test]
fn a_fact_under_the_subject_of_another_is_none() {
    let elsewhere = "elsewhere".parse::<Site>().unwrap();
    for envelope in samples::one_of_each() {
        let (bytes, belongs) = (envelope.encode(), envelope.subject());
        assert_eq!(Envelope::decode_at(&belongs, &bytes), Ok(envelope.clone()));
        let other = envelope.event.subject(&elsewhere);
        assert_eq!(Envelope::decode_at(&other, &bytes), Err(DecodeError::Misplaced { belongs }));
    }
}

#[test]
fn a_fact_has_the_site_of_what_it_is_about_and_not_of_what_led_to_it() {
    let site = "alpha".parse::<Site>().unwrap();
    let cause = samples::image_stored(1, "a", 0);
    let fact = cause.next_at(&site, samples::at(1), samples::inference_requested(2, "b", 0).event);
    assert_eq!((&fact.site, fact.causation_id), (&site, Some(cause.event_id)));
    assert_ne!(fact.site, cause.site);
    assert!(fact.subject().starts_with("evt.inference-requested.alpha."));
}

#[test]
fn a_request_may_wait_in_any_lane_and_is_the_same_fact_in_each() {
    for envelope in samples::one_of_each() {
        let (bytes, belongs) = (envelope.encode(), envelope.subject());
        let lanes = [0, 7, u16::MAX].map(|lane| in_lane(&belongs, lane));
        let is_request = matches!(envelope.event, Event::InferenceRequested(_));
        for (place, lane) in lanes.iter().zip([0, 7, u16::MAX]) {
            let expected = if is_request { (belongs.as_str(), Some(lane)) } else { (place.as_str(), None) };
            assert_eq!(lane_of(place), expected);
            assert_eq!(Envelope::decode_at(place, &bytes).is_ok(), is_request, "{place}");
            assert!(!is_request || finds(&envelope.event.unique_among(), place), "it would stand twice");
        }
        for no_lane in ["-", "-07", "-+7", "-x", "-65536", "-1-2", ".7"] {
            let place = format!("{belongs}{no_lane}");
            assert!(Envelope::decode_at(&place, &bytes).is_err(), "{place}");
        }
    }
}

#[test]
fn the_subject_of_every_fact_is_taken_apart_into_what_it_was_made_of() {
    for envelope in samples::one_of_each() {
        let subject = envelope.subject();
        let parsed = Subject::parse(&subject).unwrap();
        assert_eq!((parsed.event, parsed.site()), (envelope.event.name(), Some(envelope.site.clone())));
        assert_eq!((parsed.of_fact, parsed.lane), (subject.as_str(), None));
        assert_eq!(format!("evt.{}.{}.{}", parsed.event, parsed.site, parsed.identity), subject);
    }
    let request = samples::inference_requested(1, "a", 0).subject();
    let waiting = in_lane(&request, 7);
    let parsed = Subject::parse(&waiting).unwrap();
    assert_eq!(
        (parsed.of_fact, parsed.lane, parsed.event),
        (request.as_str(), Some(7), "inference-requested")
    );
}

#[test]
fn what_is_not_formed_as_the_subject_of_a_fact_is_none() {
    for other in
        ["", "evt", "evt.", "evt.a.b", "evt.a.b.", "evt..b.c", "evts.a.b.c", "retry.due.infer-stat.7"]
    {
        assert_eq!(Subject::parse(other), None, "{other}");
    }
    let odd = Subject::parse("evt.never-seen.NOT A SITE.x.y.z").unwrap();
    assert_eq!((odd.event, odd.site(), odd.identity), ("never-seen", None, "x.y.z"));
}
