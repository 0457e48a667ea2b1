"""A subject for the doctor's checks that ask nobody."""

from collections.abc import Mapping

from bridge.doctor.azure import Azure
from bridge.doctor.clocks import Clocks
from bridge.doctor.mends import Mends
from bridge.doctor.subject import Subject, utc_now
from bridge.settings.app_settings import Settings


def subject_of(environ: Mapping[str, str]) -> Subject:
    settings, problems = Settings.with_problems(environ)
    clocks = Clocks(utc_now)
    return Subject(
        environ=environ,
        settings=settings,
        problems=problems,
        mends=Mends(),
        azure=Azure(settings, clocks),
        clocks=clocks,
    )
