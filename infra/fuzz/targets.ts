/** All targets, in the order in which they are run. */
import type { FuzzTarget } from './target.ts'
import { checkpoint, hitBatch, hitPack } from './targets/avro-records.ts'
import { hitsBody, hitsGzip } from './targets/hits-requests.ts'
import { icebergManifest, icebergManifestList, icebergMetadata } from './targets/iceberg.ts'
import { journalEntry } from './targets/journal-entry.ts'
import { logSegments } from './targets/log-segments.ts'
import { plan } from './targets/plan.ts'
import { query } from './targets/query.ts'
import { aggregateState, dedupeState, graphState, historyBatch } from './targets/saved-states.ts'
import { socketFrames } from './targets/socket-frames.ts'
import { timeSeries } from './targets/time-series.ts'

export const targets: readonly FuzzTarget[] = [
  hitsBody,
  hitsGzip,
  socketFrames,
  logSegments,
  hitBatch,
  hitPack,
  checkpoint,
  graphState,
  aggregateState,
  dedupeState,
  historyBatch,
  journalEntry,
  icebergMetadata,
  icebergManifestList,
  icebergManifest,
  plan,
  query,
  timeSeries,
]

/** @throws RangeError with the names there are */
export function targetNamed(name: string): FuzzTarget {
  const found = targets.find((each) => each.name === name)
  if (found !== undefined) return found
  throw new RangeError(`there is no target ${name}; there are ${targets.map((each) => each.name).join(', ')}`)
}
