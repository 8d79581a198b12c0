"""Which version of its interface the PBX speaks, where the configuration leaves it open."""

import logging

from starface import methods
from starface.client import StarfaceClient
from starface.credential import Credential
from starface.failures import AnswerUnreadable, PbxFailure, PbxUnreachable
from starface.settings import Api, StarfaceSettings

log = logging.getLogger(__name__)


class PbxClients:
    """Conversations with the PBX without a login of their own; may be used from several threads."""

    def __init__(self, settings: StarfaceSettings) -> None:
        self._settings = settings
        self._api: Api | None = None if settings.api == "auto" else settings.api

    def __call__(self, login: str, credential: Credential) -> StarfaceClient:
        """Return a user's conversation; raise PbxUnreachable if the version cannot be found."""
        if self._api is None:
            self._api = self._tried(login, credential)
            log.info("the PBX speaks api=%s", self._api)
        return self._client(self._api, login, credential)

    def _tried(self, login: str, credential: Credential) -> Api:
        for api in methods.candidates(self._version(login, credential)):
            try:
                self._client(api, login, credential).keep_alive()
            except PbxUnreachable:
                raise
            except AnswerUnreadable:
                continue  # it has no such method
            except PbxFailure:
                return api  # it knows the method, and refuses the user
            return api
        return "v22"

    def _version(self, login: str, credential: Credential) -> str | None:
        try:
            return self._client("v30", login, credential).server_version()
        except PbxUnreachable:
            raise
        except PbxFailure:
            return None

    def _client(self, api: Api, login: str, credential: Credential) -> StarfaceClient:
        return StarfaceClient(self._settings.model_copy(update={"api": api}), login, credential)
