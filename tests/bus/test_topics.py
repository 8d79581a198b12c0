import pytest

from bus.topics import Topics, level, matches

TOPICS = Topics("starface/zurich")


def test_a_login_is_one_level_whatever_it_holds() -> None:
    assert level("anna/b+c#ü~ d") == "anna%2Fb%2Bc%23%C3%BC%7E%20d"


@pytest.mark.parametrize("login", ["0011", "a.b@c-d_e", "anna/b", "ü", "100%"])
def test_the_user_of_a_topic_is_the_login_again(login: str) -> None:
    assert TOPICS.user_of(TOPICS.calls(login)) == login


@pytest.mark.parametrize("topic", ["starface/users/0011/calls", "starface/zurich/info", "x"])
def test_a_topic_of_another_base_names_no_user(topic: str) -> None:
    with pytest.raises(ValueError, match="names no user"):
        TOPICS.user_of(topic)


@pytest.mark.parametrize("base", ["", "/a", "a/", "a//b", "a+b", "#", "a b", "ä"])
def test_a_base_that_is_no_topic_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="topic base"):
        Topics(base)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "falls_under"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/b", "a", False),
        ("a", "a/b", False),
        ("+/b", "a/c", False),
    ],
)
def test_filters_match_as_at_the_broker(topic_filter: str, topic: str, falls_under: bool) -> None:
    assert matches(topic_filter, topic) is falls_under


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        ("starface/zurich/users/0011/dial/result", True),
        ("starface/zurich/users/0011/dial/result/app", True),
        ("starface/zurich/users/0011/replies/app", True),
        ("starface/zurich/users/0012/replies/app", False),
        ("starface/zurich/users/0011/calls", False),
        ("starface/zurich/users/0011/dial/resultx", False),
        ("starface/zurich/users/0011/replies/+", False),
        ("starface/users/0011/replies/x", False),
    ],
)
def test_an_answer_goes_only_to_the_users_own_topics(topic: str, allowed: bool) -> None:
    assert TOPICS.may_answer_on("0011", topic) is allowed


@pytest.mark.parametrize(
    ("topic", "for_answers"),
    [
        (TOPICS.reply("0011~laptop", "7f3c"), True),
        ("starface/zurich/replies/panel/a/b", True),
        ("starface/zurich/replies/panel", False),
        ("starface/zurich/replies/panel/", False),
        ("starface/zurich/replies/+/a", False),
        ("starface/replies/panel/a", False),
        ("starface/zurich/users/0011/records", False),
    ],
)
def test_answers_go_below_replies_alone(topic: str, for_answers: bool) -> None:
    assert TOPICS.is_reply(topic) is for_answers


@pytest.mark.parametrize(("account", "request_id"), [("a/b", "1"), ("+", "1"), ("a", "#")])
def test_an_answers_topic_is_of_plain_levels(account: str, request_id: str) -> None:
    with pytest.raises(ValueError, match="level of a topic"):
        TOPICS.reply(account, request_id)
