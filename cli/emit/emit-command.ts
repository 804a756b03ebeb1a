/**
 * `hitlake emit hits`: reads the lake itself, in this process, by snapshots that the server keeps meanwhile (pins), and
 * writes what was accepted into a file or a topic. Of the server it asks snapshots, pins and erasures; what it may go on
 * with lies beside the file, or in the object store.
 */

import { existsSync } from 'node:fs'
import { createKafka } from '../../core/adapters/kafka/client.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemRandom } from '../../core/adapters/node/system.ts'
import type { Config } from '../../core/config/parse-config.ts'
import { CommandError } from '../../core/errors.ts'
import { dayMs } from '../../core/event-time.ts'
import { merchantIdPattern } from '../../core/ids.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { dayNumber } from '../../core/time/civil.ts'
import { kafkaFeedWriter } from '../../gateway/adapters/kafka/kafka-feed-writer.ts'
import { emitToFile } from '../../pipelines/adapters/emit/emit-to-file.ts'
import { emitToFeed } from '../../pipelines/runtime/emit/emit-to-feed.ts'
import { emitChunkMaxHits } from '../../pipelines/runtime/emit/limits.ts'
import { type EmitProgress, type EmitRequest, firstMark } from '../../pipelines/runtime/emit/progress.ts'
import { createPace } from '../../pipelines/runtime/rerun/pace.ts'
import { awake } from '../client/awake.ts'
import type { Connection } from '../client/connect.ts'
import type { Terminal } from '../client/terminal.ts'
import { askedErasures } from './asked-erasures.ts'
import { type EmitOutput, parseOutput } from './emit-output.ts'
import { type EmitSource, openEmitSource } from './emit-source.ts'
import { emitJson, emitLines } from './emit-text.ts'
import { findSnapshots, pinSnapshots, unpinSnapshots } from './snapshots.ts'

export interface EmitCommandOptions {
  readonly snapshot: string
  readonly to: string
  /** UTC days, the last included. */
  readonly from?: string
  readonly until?: string
  readonly merchant?: string
  /** Hits a second. */
  readonly rate: number
  readonly name?: string
  readonly brokers?: string
  readonly json?: true
}

export interface EmitContext {
  readonly config: Config
  readonly connection: Pick<Connection, 'api'>
  readonly terminal: Terminal
  readonly clock: Clock
}

/** How often it says how far it is, ms. */
export const emitReportEveryMs = 2_000

/** @throws CommandError, EmitRefusedError; what reading and writing throw: the same command then goes on */
export async function emitHits(context: EmitContext, options: EmitCommandOptions): Promise<0> {
  const { config, connection, terminal, clock } = context
  const { api } = connection
  const request = requestOf(options)
  const output = parseOutput(options, request, config)
  const source = await openEmitSource(config)
  try {
    let worked = false
    const parts = {
      ...{ lake: source.lake, store: askedErasures({ api, clock }), request, random: systemRandom, timers: awake },
      ...{ output: output.output, emission: output.emission, objects: source.objects },
      pace: createPace(options.rate, { clock, timers: awake }),
      // A slow emission is even, and comes by its marks often.
      chunkMaxHits: Math.min(emitChunkMaxHits, options.rate),
      begin: () => begin(context, { source, request, output }),
      async onBegun({ emission, rows, mark }: EmitProgress) {
        worked = true
        if (mark.after !== null) terminal.progress.write(`goes on after ${mark.hits.toLocaleString('en')} hits\n`)
        await pinSnapshots({ api, clock }, emission, rows)
      },
      onMark: reporter(context),
    }
    const done = await emitTo(output, parts)
    await unpinSnapshots(api, done.emission, done.rows)
    if (options.json === true) terminal.out(JSON.stringify(emitJson(done)))
    else for (const line of emitLines(done, worked ? 'done now' : 'done before')) terminal.out(line)
    return 0
  } finally {
    await source.close()
  }
}

type Parts = Omit<Parameters<typeof emitToFile>[0], 'disk' | 'path' | 'format'> &
  Omit<Parameters<typeof emitToFeed>[0], 'writer'>

function emitTo(output: EmitOutput, parts: Parts): Promise<EmitProgress> {
  const { signal } = new AbortController()
  if (output.kind === 'file') {
    const { folder, path, format } = output
    if (!existsSync(folder)) throw new CommandError(`there is no folder ${folder}`)
    return emitToFile({ ...parts, disk: nodeDisk(folder), path, format }, signal)
  }
  const kafka = createKafka({ brokers: output.brokers, clientId: 'hitlake-emit', say: () => undefined })
  return emitToFeed({ ...parts, writer: kafkaFeedWriter({ kafka, topic: output }) }, signal)
}

/** Fixes what is read, and has it kept. @throws CommandError */
async function begin(
  { connection: { api }, clock }: EmitContext,
  of: { readonly source: EmitSource; readonly request: EmitRequest; readonly output: EmitOutput },
): Promise<EmitProgress> {
  const { source, request } = of
  const { output, emission } = of.output
  // First: what answers by now is in every snapshot that is read from now on.
  const { map, promotedAt } = await source.answers()
  const { rows, at } = await findSnapshots(api, request.snapshot)
  const latest = await findSnapshots(api, 'latest')
  const isLatest = latest.rows.some(({ table, snapshot }) => table === 'hits' && snapshot === rows[0]?.snapshot)
  if (!isLatest && promotedAt !== null && promotedAt > at) {
    throw new CommandError(
      'a rerun was promoted after this snapshot, which may not hold the hits that answer now; take a newer one',
    )
  }
  await pinSnapshots({ api, clock }, emission, rows)
  const kept = { emission, output, request, rows, answers: map } as const
  return { version: 1, ...kept, topic: null, state: 'going', mark: firstMark }
}

/** @throws CommandError */
export function requestOf({ snapshot, from, until, merchant }: EmitCommandOptions): EmitRequest {
  const first = from === undefined ? null : dayOf(from, '--from')
  const last = until === undefined ? null : dayOf(until, '--until')
  if (first !== null && last !== null && last < first) throw new CommandError('--until must not be before --from')
  if (merchant !== undefined && !merchantIdPattern.test(merchant)) throw new CommandError('--merchant must be an id')
  return {
    snapshot,
    from: first === null ? null : first * dayMs,
    to: last === null ? null : (last + 1) * dayMs,
    merchant: merchant ?? null,
  }
}

function dayOf(text: string, option: string): number {
  const day = dayNumber(text)
  if (day === undefined) throw new CommandError(`${option} must be a day, such as 2026-03-01`)
  return day
}

function reporter({ terminal, clock }: EmitContext): (progress: EmitProgress) => void {
  let said = clock.monotonic()
  return ({ mark }) => {
    if (clock.monotonic() - said < emitReportEveryMs) return
    said = clock.monotonic()
    const day = mark.after === null ? '' : `, up to ${new Date(mark.after.hour * 3_600_000).toISOString().slice(0, 10)}`
    terminal.progress.write(`${mark.hits.toLocaleString('en')} hits${day}\n`)
  }
}
