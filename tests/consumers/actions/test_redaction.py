from bus.events import CallerData, CallerEvent, Party, Reference, Sentence, TraceStep, now
from consumers.actions.redaction import nameless, without_names

ADA = Reference(kind="contact", id="7", key="k", title="Ada Lovelace", company="Engines Ltd")
WILL = Reference(kind="matter", id="70", key="m", title="Lovelace will", reference="R-4711")


def test_no_name_is_left_and_the_call_can_still_be_reported() -> None:
    event = CallerEvent(
        data=CallerData(
            user="0011", call_id="c", event_id="e", trigger="ringing",
            caller=Party(number="0441234567", e164="+41441234567", name="Lovelace"),
            called=Party(number="11", name="Lovelace's lawyer"),
            contact=ADA, employer=ADA, candidates=(ADA,), offered=(WILL,), opened=WILL, found=WILL,
            opens="matter", url="https://x.example/?name=Lovelace",
            sentence=Sentence(de="Lovelace", en="Lovelace"),
            trace=(TraceStep(step="matched", code="exact", at=now(), en="Lovelace"),),
        )
    )  # fmt: skip
    bare = nameless(event)

    reported = bare.encoded().decode()
    assert not any(name in reported for name in ("Lovelace", "Engines", "R-4711"))
    assert bare.id == event.id
    assert bare.data.caller.e164 == "+41441234567"
    assert bare.data.opened == Reference(kind="matter", id="70", key="m")


def test_placeholders_that_name_somebody_are_left_out() -> None:
    values = {"name": "Ada", "company": "Engines", "title": "Will", "reference": "1", "id": "70",
              "url": "https://x.example/?name=Ada"}  # fmt: skip

    assert without_names(values) == {"id": "70"}
