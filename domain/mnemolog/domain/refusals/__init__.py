"""Why a command or a question was refused.

One tree. The docstring of a refusal is its message; `code` is stable and is also the last part of the HTTP problem
type; `status` is the HTTP status and `exit_code` what the command line returns.
"""

from __future__ import annotations

from mnemolog.domain.refusals.conflicts import AlreadyExists as AlreadyExists
from mnemolog.domain.refusals.conflicts import CannotDeactivate as CannotDeactivate
from mnemolog.domain.refusals.conflicts import CannotJoin as CannotJoin
from mnemolog.domain.refusals.conflicts import CannotMerge as CannotMerge
from mnemolog.domain.refusals.conflicts import CannotUndo as CannotUndo
from mnemolog.domain.refusals.conflicts import ConditionFailed as ConditionFailed
from mnemolog.domain.refusals.conflicts import Conflict as Conflict
from mnemolog.domain.refusals.conflicts import IdempotencyKeyReused as IdempotencyKeyReused
from mnemolog.domain.refusals.conflicts import IllegalTransition as IllegalTransition
from mnemolog.domain.refusals.conflicts import LegalHold as LegalHold
from mnemolog.domain.refusals.conflicts import MemoryExpired as MemoryExpired
from mnemolog.domain.refusals.conflicts import MemoryIsFrozen as MemoryIsFrozen
from mnemolog.domain.refusals.conflicts import MemoryNotEditable as MemoryNotEditable
from mnemolog.domain.refusals.conflicts import MigrationChanged as MigrationChanged
from mnemolog.domain.refusals.conflicts import SchemaMissing as SchemaMissing
from mnemolog.domain.refusals.conflicts import StaleVersion as StaleVersion
from mnemolog.domain.refusals.conflicts import SubjectHeld as SubjectHeld
from mnemolog.domain.refusals.conflicts import VersionConflict as VersionConflict
from mnemolog.domain.refusals.denials import BodyTooSlow as BodyTooSlow
from mnemolog.domain.refusals.denials import Denied as Denied
from mnemolog.domain.refusals.denials import InsecureBinding as InsecureBinding
from mnemolog.domain.refusals.denials import NotAuthenticated as NotAuthenticated
from mnemolog.domain.refusals.denials import TooManyRequests as TooManyRequests
from mnemolog.domain.refusals.differences import AnswerDiffers as AnswerDiffers
from mnemolog.domain.refusals.differences import BundleCorrupted as BundleCorrupted
from mnemolog.domain.refusals.differences import ErasedKeysDamaged as ErasedKeysDamaged
from mnemolog.domain.refusals.differences import MalformedNote as MalformedNote
from mnemolog.domain.refusals.differences import ModelRejected as ModelRejected
from mnemolog.domain.refusals.differences import ProofRejected as ProofRejected
from mnemolog.domain.refusals.differences import SegmentCorrupted as SegmentCorrupted
from mnemolog.domain.refusals.differences import SignatureRejected as SignatureRejected
from mnemolog.domain.refusals.differences import VerificationFailed as VerificationFailed
from mnemolog.domain.refusals.differences import ViewDiffers as ViewDiffers
from mnemolog.domain.refusals.missing import CubeNotFound as CubeNotFound
from mnemolog.domain.refusals.missing import MemoryErased as MemoryErased
from mnemolog.domain.refusals.missing import MemoryNotFound as MemoryNotFound
from mnemolog.domain.refusals.missing import NotFound as NotFound
from mnemolog.domain.refusals.missing import PrincipalNotFound as PrincipalNotFound
from mnemolog.domain.refusals.missing import SubjectErased as SubjectErased
from mnemolog.domain.refusals.outages import AuditUnavailable as AuditUnavailable
from mnemolog.domain.refusals.outages import EmbeddedStartFailed as EmbeddedStartFailed
from mnemolog.domain.refusals.outages import EmbedderUnavailable as EmbedderUnavailable
from mnemolog.domain.refusals.outages import KeyUnavailable as KeyUnavailable
from mnemolog.domain.refusals.outages import PostgresNotFound as PostgresNotFound
from mnemolog.domain.refusals.outages import ProjectionBehind as ProjectionBehind
from mnemolog.domain.refusals.outages import RerankerUnavailable as RerankerUnavailable
from mnemolog.domain.refusals.outages import SigningKeyUnavailable as SigningKeyUnavailable
from mnemolog.domain.refusals.outages import StoreUnreachable as StoreUnreachable
from mnemolog.domain.refusals.outages import Unavailable as Unavailable
from mnemolog.domain.refusals.refusal import Refusal as Refusal
from mnemolog.domain.refusals.requests import BodyTooLarge as BodyTooLarge
from mnemolog.domain.refusals.requests import CannotImport as CannotImport
from mnemolog.domain.refusals.requests import DuplicateJsonKey as DuplicateJsonKey
from mnemolog.domain.refusals.requests import Invalid as Invalid
from mnemolog.domain.refusals.requests import InvalidCursor as InvalidCursor
from mnemolog.domain.refusals.requests import InvalidMetadata as InvalidMetadata
from mnemolog.domain.refusals.requests import InvalidPosition as InvalidPosition
from mnemolog.domain.refusals.requests import InvalidRetention as InvalidRetention
from mnemolog.domain.refusals.requests import InvalidText as InvalidText
from mnemolog.domain.refusals.requests import MalformedJson as MalformedJson
from mnemolog.domain.refusals.requests import QueryRefused as QueryRefused
from mnemolog.domain.refusals.requests import QueryTimedOut as QueryTimedOut
from mnemolog.domain.refusals.requests import QueryTooLarge as QueryTooLarge
from mnemolog.domain.refusals.requests import UnknownField as UnknownField
from mnemolog.domain.refusals.requests import UnsupportedMediaType as UnsupportedMediaType
