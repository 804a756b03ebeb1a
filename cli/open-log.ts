/** The segment log of a collector, in its data folder, and what it says of itself. */
import { nodeDisk } from '../core/adapters/node/node-disk.ts'
import { systemRandom, systemTimers } from '../core/adapters/node/system.ts'
import type { SharedConfig } from '../core/config/shared.ts'
import { openSegmentLog } from '../core/log/segment-log.ts'
import { defaultSegmentMaxAgeMs, type LogEvent } from '../core/log/segment-log-options.ts'
import type { HitLog } from '../core/ports/hit-log.ts'
import { dataFolderNames } from './embedded/data-folder.ts'

type LogConfig = Pick<SharedConfig, 'logSegmentBytes' | 'logMaxBytes' | 'diskMaxShare'>

/** @throws CorruptLogError, StartError */
export function openCollectorLog(
  config: LogConfig,
  dataDir: string,
  onEvent: (event: LogEvent) => void,
): Promise<HitLog> {
  return openSegmentLog({
    disk: nodeDisk(dataDir),
    folder: dataFolderNames.log,
    timers: systemTimers,
    random: systemRandom,
    segmentMaxBytes: config.logSegmentBytes,
    segmentMaxAgeMs: defaultSegmentMaxAgeMs,
    maxBytes: config.logMaxBytes,
    diskMaxShare: config.diskMaxShare,
    onEvent,
  })
}

/** One sentence for the operator. */
export function logEventSentence(event: LogEvent): string {
  if (event.kind === 'tail-cut')
    return 'the end of the log was torn by a crash and was cut; nothing acknowledged was in it'
  if (event.kind === 'unavailable') return 'the log takes nothing now; hits are answered 503 until it can'
  return 'the log takes hits again'
}
