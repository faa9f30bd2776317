"""The soak in small; `make soak` is the whole."""

from stage.soak import Soak, is_good


def test_bad_weather_and_kills_lose_nothing(stage):
    summary = Soak(stage, number=6, at_once=3, kill_secs=2).run()
    assert is_good(summary), summary
