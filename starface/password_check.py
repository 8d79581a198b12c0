"""How a password, or a login with a browser, becomes a credential that the PBX has accepted."""

from collections.abc import Callable

from starface import oauth
from starface.client import StarfaceClient
from starface.credential import Credential, derive
from starface.failures import LoginRefused, PbxFailure, PbxUnreachable, RequestForbidden
from starface.request import Callback
from starface.rest import by_tokens
from starface.settings import StarfaceSettings

_SHA512_SINCE = (6, 4, 2, 19)


def check_password(
    settings: StarfaceSettings, login: str, password: str, callback: Callback | None = None
) -> Credential:
    """Log in with a password and return the credential to store; the password is not kept.

    The login replaces the callback of the user's session, so an active user has to be logged in
    again after it. With auth = "auto" the PBX's version decides, then what is accepted; MD5 is
    never chosen by itself, because somebody between could ask for it.
    """
    if settings.auth == "auto":
        return _by_version(settings, login, password, callback)
    if settings.auth == "oauth":
        return _accepted(
            settings, login, oauth.log_in(settings, login, password).credential, callback
        )
    return _accepted(settings, login, derive(settings.auth, login, password), callback)


def _accepted(
    settings: StarfaceSettings, login: str, credential: Credential, callback: Callback | None
) -> Credential:
    client = StarfaceClient(settings, login, credential, callback)
    client.login()
    return client.credential


def _by_version(
    settings: StarfaceSettings, login: str, password: str, callback: Callback | None
) -> Credential:
    by_hash = derive("sha512", login, password)
    version = _version(StarfaceClient(settings, login, by_hash))
    if version and version < _SHA512_SINCE:
        raise LoginRefused(
            "This STARFACE is older than 6.4.2.19 and knows only the weak MD5 login; "
            'if that is wanted, set auth = "md5" in [starface].'
        )
    may_use_oauth = settings.oauth_client_secret is not None
    if version and version[0] >= 10 and may_use_oauth:
        return _by_tokens(settings, login, password, callback)
    try:
        return _accepted(settings, login, by_hash, callback)
    except LoginRefused:
        if version or not may_use_oauth:
            raise
    return _by_tokens(settings, login, password, callback)


def _by_tokens(
    settings: StarfaceSettings, login: str, password: str, callback: Callback | None
) -> Credential:
    return _accepted(settings, login, oauth.log_in(settings, login, password).credential, callback)


def _version(client: StarfaceClient) -> tuple[int, ...]:
    """Return the PBX's version as numbers; empty when it does not say it."""
    try:
        version = client.server_version()
    except (PbxUnreachable, RequestForbidden):
        raise
    except PbxFailure:
        return ()
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def check_browser(
    settings: StarfaceSettings, login: str, show: Callable[[str], object]
) -> Credential:
    """Let the person log in with a browser at the address that `show` gets; return the credential.

    Raises LoginRefused when it was somebody else who logged in.
    """
    with oauth.BrowserLogin(settings) as browser:
        show(browser.url)
        tokens = browser.wait()
    found = by_tokens(settings, tokens).me().login
    if found != login:
        raise LoginRefused(f"{found!r} logged in with the browser, not {login!r}; try again.")
    return tokens.credential
