"""What a directory server refuses, in words that say what to do; never with the password."""

import re

_SENTENCES = {  # by the name of ldap3's exception
    "LDAPInvalidCredentialsResult": "the server does not accept user and password",
    "LDAPInappropriateAuthenticationResult": "the server does not accept user and password",
    "LDAPNoSuchObjectResult": "there is nothing at {base} that this user may see; see --base and"
    " --user",
    "LDAPInvalidDNSyntaxResult": "the server does not understand --base {base}, or --user",
    "LDAPInvalidDnError": "{base} is no distinguished name; see --base",
    "LDAPInvalidFilterError": "--filter is not understood, as in (telephoneNumber=*)",
    "LDAPSizeLimitExceededResult": "the server gives no more entries; ask for fewer by --filter or"
    " --base, or have its limit raised",
    "LDAPOperationsErrorResult": "the server wants a log-in first, or cannot answer; see --user",
    "LDAPInsufficientAccessRightsResult": "this user may not read {base}",
    "LDAPStrongerAuthRequiredResult": "the server wants TLS: ldaps://, or without --plain",
    "LDAPConfidentialityRequiredResult": "the server wants TLS: ldaps://, or without --plain",
    "LDAPStartTLSError": "the server has no StartTLS; try ldaps://",
}
_UNTRUSTED = re.compile(r"certificate verify failed: (?P<why>[^(\\\"']*)")
_ELSEWHERE = re.compile(r"(?:certificate|hostname) .*doesn't match", re.I)
_WRAPPED = re.compile(r"^[(\"' ]+|[)\"', ]+$")


def sentence(error: Exception, base: str) -> str:
    """Say what is wrong, and what to do about it where that is known."""
    told = str(error).splitlines()[0] if str(error) else ""
    if untrusted := _UNTRUSTED.search(told):
        why = untrusted["why"].strip()
        return f"its certificate is not trusted ({why}); an authority of your own: --ca-file"
    if _ELSEWHERE.search(told):
        return "its certificate is for another name; ask the server by that one"
    known = _SENTENCES.get(type(error).__name__)
    if known:
        return known.format(base=base)
    return _WRAPPED.sub("", told)[:200] or type(error).__name__
