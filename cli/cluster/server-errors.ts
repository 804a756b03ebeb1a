/** Counts a failed call under the server that failed it, where the error says which. */
import {
  ControlStoreOutcomeUnknownError,
  ControlStoreUnavailableError,
  FeedUnavailableError,
  ObjectStoreUnavailableError,
  TrinoOutcomeUnknownError,
  TrinoUnavailableError,
} from '../../core/errors.ts'
import type { Metrics } from '../../gateway/http/plugins/metrics.ts'

export function countServerError(metrics: Pick<Metrics, 'serverError'>, error: unknown): void {
  if (error instanceof FeedUnavailableError) metrics.serverError('kafka')
  if (error instanceof ControlStoreUnavailableError || error instanceof ControlStoreOutcomeUnknownError) {
    metrics.serverError('postgres')
  }
  if (error instanceof ObjectStoreUnavailableError) metrics.serverError('objects')
  if (error instanceof TrinoUnavailableError || error instanceof TrinoOutcomeUnknownError) metrics.serverError('trino')
}
