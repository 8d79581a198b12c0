"""Answers what people ask about contacts and running calls: search, own contacts, choices, why."""

import logging
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

from bus.events import OpeningKind, TraceStep
from bus.mqtt.connection import Connection
from bus.mqtt.requests import Requester, Responder
from bus.numbers.number import read_number
from bus.panel_events import (
    ContactCard,
    DirectoryAnswer,
    DirectoryAnswerData,
    DirectoryRequest,
    DirectoryRequestData,
    DossierCard,
    MatterCard,
    NumberCard,
    OwnContact,
    RememberedChoice,
    SourceSummary,
)
from consumers.caller.answer import OpeningAddresses
from consumers.caller.rules import Opening
from consumers.caller.running_calls import RunningCalls
from consumers.caller.settings import CallerSite
from consumers.caller.texts import step_sentence
from consumers.caller.trace_store import find as find_traces
from consumers.directory.changes import Changes, ContactRecord, Removal
from consumers.directory.diff import ImportRefused
from consumers.directory.directory import Directory, DirectoryUnavailable
from consumers.directory.records import Contact, ContactNumber, Dossier, Matter
from texts import LANGUAGES, sentence

log = logging.getLogger(__name__)

OWN = "own"  # the source of what people add here
_DIGITS = 4  # from so many digits on a search is for a number


class NotFound(Exception):
    """What is asked for is not there, or may not be changed; the message is a code."""


class DirectoryRequests:
    """Answers `users/{user}/directory`; everything but the running calls in the background."""

    def __init__(
        self,
        site: CallerSite,
        running: RunningCalls,
        run: Callable[[Callable[[], None]], None],
    ) -> None:
        self._database = site.database
        self._data_folder = site.data_folder
        self._profile = site.profile
        self._running = running
        self._run = run
        self._addresses = OpeningAddresses(site.settings)
        self._open = ExitStack()
        self._directory: Directory | None = None
        self._responder: Responder
        self._serves: Callable[[str], bool]

    def serve(
        self,
        connection: Connection,
        users: Iterable[str],
        serves: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Subscribe to the requests of some users; only those are answered whom `serves` names."""
        self._serves = serves
        self._responder = Responder(connection, f"process/{connection.account}", sentence)
        for user in users:
            topic = connection.topics.directory(user)
            self._responder.serve(topic, DirectoryRequest, self.handle, DirectoryAnswer)

    def handle(self, request: DirectoryRequest, requester: Requester) -> DirectoryAnswer | None:
        """Answer with the running calls at once, with anything else as soon as it is found."""
        if not self._serves(requester.user):
            return None
        if request.data.action == "calls":
            return _answer(request.data, calls=self._running.of(requester.user))
        self._run(
            lambda: self._responder.answer(requester, self.answer(requester.user, request.data))
        )
        return None

    def close(self) -> None:
        """Close the directory."""
        self._open.close()

    def answer(self, user: str, data: DirectoryRequestData) -> DirectoryAnswer:
        """Return the answer to a request."""
        try:
            return _answer(data, **self._content(user, data))
        except NotFound as missing:
            code = str(missing)
        except (DirectoryUnavailable, ImportRefused) as error:
            log.warning("directory not answered reason=%s", error)
            code = "directory-unavailable"
        said = sentence(f"panel.refused.{code}")
        return _answer(data, code=code, sentence=said)

    def _content(self, user: str, data: DirectoryRequestData) -> dict[str, Any]:
        directory = self._opened()
        if data.action == "search":
            found = self._search(directory, user, data.text or "", data.limit)
            return {"contacts": tuple(self._card(directory, one, user) for one in found)}
        if data.action == "number":
            return self._of_number(directory, user, data.number or "")
        if data.action == "contact":
            return {"contacts": (self._full_card(directory, _found(directory, data.id), user),)}
        if data.action in ("add", "edit", "remove"):
            return self._change(directory, user, data)
        if data.action == "forget":
            directory.forget_choice(user, data.number or "")
        if data.action == "why":
            traces = find_traces(self._data_folder, user=user, call_id=data.call_id)
            return {"trace": tuple(_in_words(one) for one in traces[0].steps) if traces else ()}
        if data.action == "sources":
            return {"sources": tuple(_summary(one) for one in directory.sources())}
        return {
            "choices": tuple(
                RememberedChoice(
                    number=one.e164, contact=self._card(directory, one.contact, user),
                    since=one.chosen_at,
                )
                for one in directory.choices(user)
            )
        }  # fmt: skip

    def _search(self, directory: Directory, user: str, text: str, limit: int) -> list[Contact]:
        text = text.strip()
        if not text:
            return []
        digits = sum(character.isdigit() for character in text)
        e164 = read_number(text, self._profile).e164 if digits >= _DIGITS else None
        if e164 is not None:
            match = directory.find(e164, user=user)
            by_number = [match.contact] if match.contact else []
            by_number += [one for one in match.candidates if one not in by_number]
            if by_number:
                return by_number[:limit]
        return directory.search(text, limit)

    def _of_number(self, directory: Directory, user: str, text: str) -> dict[str, Any]:
        number = read_number(text, self._profile)
        values = {"number": text, "e164": number.e164 or "", "user": user}
        page = self._address("new-contact", None, values)
        if number.e164 is None:
            return {"new_contact": page}
        match = directory.find(number.e164, user=user)
        found = [match.contact] if match.contact else list(match.candidates)
        cards = tuple(self._full_card(directory, one, user) for one in found)
        return {"contacts": cards, "new_contact": page}

    def _change(
        self, directory: Directory, user: str, data: DirectoryRequestData
    ) -> dict[str, Any]:
        before = _own(directory, data.id) if data.action != "add" else None
        key = before.key if before is not None else uuid4().hex
        if data.action == "remove":
            directory.apply(Changes(OWN, [Removal(record="contact", key=key)]))
            return {}
        if data.contact is None:
            raise NotFound("invalid")
        directory.apply(Changes(OWN, [self._record(key, data.contact)]))
        kept = directory.contact_of(OWN, key)
        if kept is None:
            raise NotFound("directory-unavailable")
        log.info("own contact kept user=%s", user)
        return {"contacts": (self._full_card(directory, kept, user),)}

    def _record(self, key: str, contact: OwnContact) -> ContactRecord:
        numbers = []
        for text in contact.numbers:
            read = read_number(text, self._profile)
            if not (read.e164 or read.short):
                raise NotFound("no-number")
            numbers.append(ContactNumber(raw=text.strip(), e164=read.e164 or ""))
        return ContactRecord(
            key=key, kind=contact.kind, name=contact.name.strip(), company=contact.company.strip(),
            email=contact.email.strip(), numbers=tuple(numbers),
        )  # fmt: skip

    def _full_card(self, directory: Directory, contact: Contact, user: str) -> ContactCard:
        employer = directory.employer(contact)
        dossiers = tuple(
            self._dossier(one, contact, user) for one in directory.dossiers(contact.id)
        )
        return self._card(directory, contact, user).model_copy(
            update={"dossiers": dossiers, "employer": employer.name if employer else ""}
        )

    def _card(self, directory: Directory, contact: Contact, user: str) -> ContactCard:
        return ContactCard(
            id=str(contact.id), source=contact.source, key=contact.key, kind=contact.kind,
            name=contact.name, company=contact.company, email=contact.email,
            own=contact.source == OWN, active=contact.active,
            url=self._address("card", contact, _values(contact, contact, user)),
            numbers=tuple(
                NumberCard(raw=one.raw[:256], e164=one.e164, label=one.label[:256])
                for one in directory.numbers(contact.id)
            ),
        )  # fmt: skip

    def _dossier(self, dossier: Dossier, contact: Contact, user: str) -> DossierCard:
        return DossierCard(
            id=str(dossier.id), reference=dossier.reference[:256],
            title=(dossier.title or dossier.key)[:256], active=dossier.active,
            url=self._address("dossier", dossier, _values(dossier, contact, user)),
            matters=tuple(
                MatterCard(
                    id=str(one.id), reference=one.reference[:256],
                    title=(one.title or one.key)[:256], open=one.open,
                    url=self._address("matter", one, _values(one, contact, user)),
                )
                for one in dossier.matters
            ),
        )  # fmt: skip

    def _address(
        self, kind: OpeningKind, record: Matter | Dossier | Contact | None, values: dict[str, str]
    ) -> str | None:
        address, _reason, _missing = self._addresses.find(
            Opening(kind=kind, reason="", record=record), values
        )
        return address

    def _opened(self) -> Directory:
        if self._directory is None:
            self._directory = self._open.enter_context(Directory(self._database))
        return self._directory


def _in_words(step: TraceStep) -> TraceStep:
    """Return a step with its sentences, as it is read elsewhere."""
    return step.model_copy(
        update={language: step_sentence(step, language) for language in LANGUAGES}
    )


def _values(record: Matter | Dossier | Contact, contact: Contact, user: str) -> dict[str, str]:
    return {
        "id": record.key, "reference": getattr(record, "reference", ""),
        "title": getattr(record, "title", "") or contact.name, "name": contact.name,
        "company": contact.company, "source": contact.source, "user": user,
    }  # fmt: skip


def _found(directory: Directory, contact_id: str | None) -> Contact:
    if contact_id is None or not contact_id.isdecimal() or len(contact_id) > 18:
        raise NotFound("unknown-contact")
    contact = directory.contact(int(contact_id))
    if contact is None:
        raise NotFound("unknown-contact")
    return contact


def _own(directory: Directory, contact_id: str | None) -> Contact:
    contact = _found(directory, contact_id)
    if contact.source != OWN:
        raise NotFound("not-own")
    return contact


def _summary(source: Any) -> SourceSummary:
    return SourceSummary(
        name=source.name[:256], imported=source.imported_at, contacts=source.contacts,
        numbers=source.numbers,
    )  # fmt: skip


def _answer(data: DirectoryRequestData, **content: Any) -> DirectoryAnswer:
    return DirectoryAnswer(data=DirectoryAnswerData(request_id=data.request_id, **content))
