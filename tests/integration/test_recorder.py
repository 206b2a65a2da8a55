"""The eventsourcing library's own test cases, on our recorder."""

from __future__ import annotations

import pytest
from eventsourcing.persistence import ProgrammingError, Tracking
from eventsourcing.tests import persistence

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.connection import LogDatastore
from mnemolog.adapters.postgres.recorder import LogRecorder
from tests.factories import log_event


class OverLogRecorder(persistence.RecorderTestCase):
    @pytest.fixture(autouse=True)
    def _database(self, dsn: str) -> None:
        self.dsn = dsn

    def create_recorder(self) -> LogRecorder:
        datastore = LogDatastore(self.dsn)
        self.addCleanup(datastore.close)
        recorder = LogRecorder(datastore)
        self.addCleanup(recorder.close)
        return recorder


class TestApplicationRecorder(OverLogRecorder, persistence.ApplicationRecorderTestCase[LogRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingNotificationIDs(OverLogRecorder, persistence.NonInterleavingNotificationIDsBaseCase):
    pass


del OverLogRecorder


def test_it_refuses_to_keep_the_tracking_that_it_would_lose(application: LogApplication) -> None:
    with pytest.raises(ProgrammingError):
        application.log_recorder.insert_events([log_event()], tracking=Tracking("upstream", 1))
    assert application.log_recorder.max_notification_id() is None


def test_an_append_without_events_is_refused_at_once(application: LogApplication) -> None:
    assert application.log_recorder.insert_events([]) == []
    with pytest.raises(ProgrammingError):
        application.log_recorder.append([])
