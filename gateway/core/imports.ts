/**
 * Imports of files, line by line: each line of a file counts once, however often and however much later the file is sent
 * again, whoever died in between.
 *
 * A hit's id is the file's hash and its line, so a repeat within 24 h is dropped like any other. Beyond that a ledger in
 * the control store helps: before lines are stored it says that they are under way (`sending`), afterwards that they are
 * `done`; done ones are not taken again. Lines that were under way when a process died are in doubt. Soon after, they are
 * simply stored again; where repeats may have been forgotten, the hits themselves are asked which of them are there.
 */
import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { boundedList, boundedText } from '../../core/bounded.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ControlStore, ImportProgress, KeyHolder, Merchant } from '../../core/ports/control-store.ts'
import type { QueryEngine } from '../../core/ports/query-engine.ts'
import type { Collector, Rejection } from './accept-hits.ts'
import { addressPrefix } from './client-address.ts'
import { type Fault, faultyRequest, ProblemError } from './problem.ts'

/** Lines of one request. */
export const importMaxLines = 1_000
/** Repeats are known for 24 h; what is in doubt longer than this is looked up. An hour less, for clocks and for the way. */
export const repeatsKnownMs = 23 * 3_600_000

export interface ImportReply {
  /** Lines [0, done) are answered for; the next request begins there. */
  readonly done: number
  /** Lines of this request that were stored, now or before. */
  readonly accepted: number
  readonly rejected: readonly { readonly line: number; readonly code: string; readonly message: string }[]
}

export interface Imports {
  progress(merchant: MerchantId, file: string): Promise<ImportProgress | undefined>
  /**
   * Stores lines [from, to) of a file; `from` must be what is done so far.
   * @throws ProblemError 400 `bad_query`; 409 `import_out_of_order`, with `done`; as the collector does
   */
  store(merchant: Merchant, file: string, body: unknown): Promise<ImportReply>
}

export const importRequest = z.strictObject({
  from: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  to: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  lines: boundedList(
    z.strictObject({
      line: z.number().int().min(0),
      /** Of the visitor; only its network is kept. */
      address: boundedText(100).nullable().default(null),
      hit: z.record(z.string(), z.unknown()),
    }),
    importMaxLines,
  ),
})
type Line = z.infer<typeof importRequest>['lines'][number]

export const filePattern = /^[0-9a-f]{16,64}$/

export function createImports(options: {
  readonly store: Pick<ControlStore, 'importProgress' | 'setImportProgress' | 'tableView'>
  readonly collector: Pick<Collector, 'accept'>
  readonly engine: Pick<QueryEngine, 'knownIds'>
  readonly clock: Pick<Clock, 'now'>
}): Imports {
  const { store, collector, engine, clock } = options
  /** One request of a file at a time: the others wait for it and then find it done. */
  const busy = new Map<string, Promise<unknown>>()

  async function storeLines(merchant: Merchant, file: string, body: unknown): Promise<ImportReply> {
    const { from, to, lines } = parsed(body)
    const before = (await store.importProgress(merchant.id, file)) ?? { done: 0, sending: 0, at: 0 }
    if (from !== before.done) {
      const detail = `lines up to ${before.done} are done; go on from there`
      throw new ProblemError(409, 'import_out_of_order', detail, { done: before.done })
    }
    const inDoubt = lines.filter(({ line }) => line < before.sending)
    const known =
      inDoubt.length > 0 && clock.now() - before.at > repeatsKnownMs
        ? await stored(merchant.id, file, inDoubt)
        : new Set<string>()
    // While lines are in doubt the time they came at stays: it is what repeats are forgotten after.
    const at = before.sending > from ? before.at : clock.now()
    await store.setImportProgress(merchant.id, file, { done: from, sending: Math.max(to, before.sending), at })
    const unknown = lines.filter(({ line }) => !known.has(idOf(file, line)))
    const { accepted, rejected } = await accept(merchant, file, unknown)
    await store.setImportProgress(merchant.id, file, { done: to, sending: Math.max(to, before.sending), at })
    return { done: to, accepted: accepted + known.size, rejected }
  }

  async function stored(merchant: MerchantId, file: string, lines: readonly Line[]): Promise<ReadonlySet<string>> {
    const times = lines.map(({ hit }) => timeOf(hit)).filter((time) => !Number.isNaN(time))
    if (times.length === 0) return new Set()
    const hits = await store.tableView('hits')
    const range = { start: Math.min(...times), end: Math.max(...times) + 1 }
    const ids = lines.map(({ line }) => idOf(file, line))
    return new Set(await engine.knownIds({ merchant, hits, range, ids }, {}))
  }

  /** Lines of one network of addresses share a record of the log, which holds only the network. */
  async function accept(merchant: Merchant, file: string, lines: readonly Line[]) {
    const groups = new Map<string, Line[]>()
    for (const line of lines) {
      const network = addressPrefix(line.address) ?? ''
      const group = groups.get(network)
      if (group === undefined) groups.set(network, [line])
      else group.push(line)
    }
    const holder = importer(merchant)
    const replies = await Promise.all(
      [...groups.values()].map(async (group) => {
        const hits = group.map((line) => hitOf(merchant, file, line))
        const address = group[0]?.address ?? null
        const reply = await collector.accept({
          body: { hits },
          holder,
          address,
          userAgent: undefined,
          language: undefined,
        })
        return { accepted: reply.accepted, rejected: reply.rejected.map((each) => refusedLine(each, group)) }
      }),
    )
    return {
      accepted: replies.reduce((sum, reply) => sum + reply.accepted, 0),
      rejected: replies.flatMap((reply) => reply.rejected).sort((a, b) => a.line - b.line),
    }
  }

  return {
    progress: (merchant, file) => store.importProgress(merchant, file),
    async store(merchant, file, body) {
      const key = `${merchant.id}/${file}`
      const turn = (busy.get(key) ?? Promise.resolve()).catch(() => undefined)
      const mine = turn.then(() => storeLines(merchant, file, body))
      busy.set(key, mine)
      try {
        return await mine
      } finally {
        if (busy.get(key) === mine) busy.delete(key)
      }
    },
  }
}

function parsed(body: unknown): z.infer<typeof importRequest> {
  const result = importRequest.safeParse(body)
  const faults: Fault[] = result.success
    ? []
    : result.error.issues.map(({ path, message }) => ({ pointer: `/${path.join('/')}`, code: 'bad_query', message }))
  if (result.success) {
    const { from, to, lines } = result.data
    const rising = lines.every(
      ({ line }, i) => line >= from && line < to && (i === 0 || line > (lines[i - 1]?.line ?? 0)),
    )
    if (to <= from) faults.push({ pointer: '/to', code: 'bad_query', message: 'to must lie behind from' })
    else if (!rising)
      faults.push({ pointer: '/lines', code: 'bad_query', message: 'lines must rise and lie in from … to − 1' })
    else return result.data
  }
  throw faultyRequest(faults)
}

/** Whoever imports may send history, and says itself who its visitors are. */
function importer(merchant: Merchant): KeyHolder {
  return {
    key: {
      hash: `import/${merchant.id}`,
      merchant: merchant.id,
      kind: 'server',
      rights: ['write', 'historical'],
      origins: [],
      // An administrator's own doing; requests of a file come one after the other.
      quota: Number.MAX_SAFE_INTEGER,
      tool: 'import',
    },
    merchant,
  }
}

function hitOf(merchant: Merchant, file: string, { line, address, hit }: Line): Readonly<Record<string, unknown>> {
  const visitor = hit.visitor ?? importedVisitor(merchant, address, userAgentOf(hit))
  return { ...hit, id: idOf(file, line), visitor }
}

const idOf = (file: string, line: number) => `${file.slice(0, 32)}-${line}`

/** The same person in every file and on every day: no salt, unlike the cookieless id of live traffic. */
function importedVisitor(merchant: Merchant, address: string | null, userAgent: string): string {
  return createHmac('sha256', merchant.visitorSeed)
    .update(`${merchant.id}\n${address ?? ''}\n${userAgent}`)
    .digest('base64url')
    .slice(0, 22)
}

function userAgentOf({ context }: Readonly<Record<string, unknown>>): string {
  const agent = (context as { readonly userAgent?: unknown } | null | undefined)?.userAgent
  return typeof agent === 'string' ? agent : ''
}

function timeOf({ time }: Readonly<Record<string, unknown>>): number {
  return typeof time === 'number' ? time : typeof time === 'string' ? Date.parse(time) : Number.NaN
}

function refusedLine({ index, code, message }: Rejection, group: readonly Line[]) {
  return { line: group[index]?.line ?? -1, code, message }
}
