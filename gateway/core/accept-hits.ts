/**
 * The collector: takes the parsed body of a request, keeps the hits that are as documented, and answers when they are on
 * disk. Each hit stands for itself: a wrong one is refused with its reason, the others are kept, in one record of the log.
 *
 * Promise: a 202 means that every hit counted in `accepted` is durable. Whatever JSON the body is, the result is a reply
 * or one of ProblemError (the request's fault, or 503) and LogUnavailableError (503); then nothing of it was stored.
 */
import type { ReceivedTime } from '../../core/event-time.ts'
import { dayMs } from '../../core/event-time.ts'
import type { RefusalCode } from '../../core/hit/explain-refusal.ts'
import type { SentHit } from '../../core/hit/hit-schema.ts'
import { hitLimits } from '../../core/hit/limits.ts'
import { createIdMint } from '../../core/hit/mint-id.ts'
import { ignoresSentAt, normaliseHit, type RequestFacts } from '../../core/hit/normalise-hit.ts'
import type { TextKnowledge } from '../../core/hit/text.ts'
import type { ClientHints } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { Clock, Random } from '../../core/ports/clock.ts'
import type { KeyHolder, Merchant, StoredKey } from '../../core/ports/control-store.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import { hitBatchWriter } from '../../schemas/avro/hit-batch.ts'
import { type Checked, checkHits, headerText, inOrder, type Rejection, tooLarge } from './accept-hits-check.ts'
import { addressPrefix } from './client-address.ts'
import type { Durability } from './forwarder-waiters.ts'
import { ProblemError } from './problem.ts'
import type { KeyQuotas, QuotaLeft } from './quota.ts'
import { readSentHits, requestMaxHits, type SentBatch } from './sent-batch.ts'
import type { VisitorSalts } from './visitor-salt.ts'

export type { Rejection } from './accept-hits-check.ts'

export const defaultMaxHitAgeMs = 30 * dayMs
/** A client whose salt could not be loaded may try again after this. */
const saltRetrySeconds = 2

export interface AcceptRequest {
  /** Parsed JSON. */
  readonly body: unknown
  /** What its bytes told of the strings in it; without it each string is looked at. */
  readonly text?: TextKnowledge
  /** Checked to have the right `write`. */
  readonly holder: KeyHolder
  /** The client's full address; only its network is kept. */
  readonly address: string | null
  readonly userAgent: string | undefined
  readonly language: string | undefined
  /** `clientHintsOf` of client-hints.ts. Kept of a browser key's request: a server's own say nothing of the visitor. */
  readonly clientHints?: ClientHints | null
}

export interface AcceptReply {
  /** 400 where hits came and none was kept. */
  readonly status: 202 | 400
  readonly accepted: number
  readonly rejected: readonly Rejection[]
  /** Where the accepted hits are for certain. */
  readonly durability: Durability
}

/** What became of a request's hits had it been sent to be kept. */
export type ValidateReply = Pick<AcceptReply, 'accepted' | 'rejected'>

/** What the collector counts; each is called at most a few times a request. */
export interface CollectorMetrics {
  onAccepted(hits: number): void
  onRefused(code: RefusalCode, hits: number): void
  /** Hits whose time `sentAt` could not correct though the request gave one. */
  onSentAtIgnored(hits: number): void
}

export interface CollectorOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  readonly log: Pick<HitLog, 'append'>
  readonly salts: Pick<VisitorSalts, 'ready' | 'load' | 'visitor'>
  /** Each request takes its hits from its key's quota before they are looked at. Left out: no key has one. */
  readonly quotas?: KeyQuotas
  /** Told of every record once it is durable, in order of offsets. */
  readonly ledger?: { note(offset: Offset, merchant: MerchantId, received: ReceivedTime, hits: number): void }
  /** Asked of each record that is on disk before its answer: whether more can be promised. Left out: it cannot. */
  readonly confirm?: (offset: Offset) => Promise<Durability>
  readonly metrics?: CollectorMetrics
  readonly limits?: { readonly maxHits?: number; readonly maxHitAgeMs?: number; readonly hitMaxBytes?: number }
  /** `received` of the last record in the log: time never runs back in one log, whatever the clock does. */
  readonly notBefore?: ReceivedTime
}

export interface Collector {
  accept(request: AcceptRequest): Promise<AcceptReply>
  /**
   * Checks as `accept` does and takes from the key's quota, but stores and counts nothing.
   * @throws ProblemError where `accept` would refuse the whole request
   */
  validate(request: AcceptRequest): ValidateReply
  /** What the key may send now; undefined where no key has a quota. */
  quotaOf(key: StoredKey): QuotaLeft | undefined
  /** Now, and a promise: no hit that is taken after this call was received before it. */
  receivedNow(): ReceivedTime
}

/** As long as those that are derived, so that a validated hit is of the same size. */
const someVisitor = '-'.repeat(22)

export function createCollector(options: CollectorOptions): Collector {
  const { clock, log, salts, quotas, ledger, confirm, metrics } = options
  const maxHits = options.limits?.maxHits ?? requestMaxHits
  const maxHitAgeMs = options.limits?.maxHitAgeMs ?? defaultMaxHitAgeMs
  const hitMaxBytes = options.limits?.hitMaxBytes ?? hitLimits.bytes
  const mintId = createIdMint(options.random)
  const writer = hitBatchWriter()
  let lastReceived = options.notBefore ?? (0 as ReceivedTime)

  function nextReceived(): number {
    return Math.max(lastReceived, clock.now())
  }

  /**
   * Takes the time, encodes and appends without giving way in between, so the order of `received` is the order of the
   * log. The salt of that time must be there.
   */
  function store(request: AcceptRequest, merchant: Merchant, batch: SentBatch, checked: Checked): Promise<AcceptReply> {
    const received = nextReceived() as ReceivedTime
    lastReceived = received
    const header = {
      merchant: merchant.id,
      zone: merchant.timeZone,
      currency: merchant.currency,
      received,
      addressPrefix: addressPrefix(request.address),
      requestUserAgent: headerText(request.userAgent, hitLimits.userAgentLength),
      requestLanguage: headerText(request.language, hitLimits.languageLength),
      requestClientHints: request.holder.key.kind === 'browser' ? (request.clientHints ?? null) : null,
      keyKind: request.holder.key.kind,
    }
    // A request's hits mostly share a user agent, and so the visitor: hashed once.
    let lastAgent: string | null | undefined
    let lastVisitor = ''
    const { accepted, sentAtIgnored } = writeHits(request, batch, checked, received, (ownAgent) => {
      const userAgent = ownAgent ?? header.requestUserAgent
      if (userAgent !== lastAgent) {
        lastVisitor = salts.visitor({ ...header, atMs: received, userAgent })
        lastAgent = userAgent
      }
      return lastVisitor
    })
    const rejected = inOrder(checked)
    countRejections(rejected)
    if (sentAtIgnored > 0) metrics?.onSentAtIgnored(sentAtIgnored)
    const reply = { status: accepted === 0 ? 400 : 202, accepted, rejected, durability: 'disk' } as const
    if (accepted === 0) return Promise.resolve(reply)
    return log.append(writer.finish(header)).then((offset) => {
      ledger?.note(offset, merchant.id, received, accepted)
      metrics?.onAccepted(accepted)
      return confirm === undefined ? reply : confirm(offset).then((durability) => ({ ...reply, durability }))
    })
  }

  /** Decides the hits that passed the check and writes them into the writer; those it refuses join the rejected. */
  function writeHits(
    request: AcceptRequest,
    batch: SentBatch,
    checked: Checked,
    received: ReceivedTime,
    visitor: RequestFacts['visitor'],
  ): { readonly accepted: number; readonly sentAtIgnored: number } {
    const facts: RequestFacts = {
      received,
      sentAtMs: batch.sentAtMs,
      maxHitAgeMs: request.holder.key.rights.includes('historical') ? Number.POSITIVE_INFINITY : maxHitAgeMs,
      mintId,
      visitor,
    }
    let accepted = 0
    let sentAtIgnored = 0
    writer.begin()
    for (let index = 0; index < batch.hits.length; index++) {
      if (checked.rejections.has(index)) continue
      const sent = batch.hits[index] as SentHit
      if (batch.sentAt === 'given' && ignoresSentAt(sent, batch.sentAtMs)) sentAtIgnored++
      const hit = normaliseHit(sent, facts)
      if ('code' in hit) {
        checked.rejections.set(index, hit)
      } else if (writer.add(hit) > hitMaxBytes) {
        writer.dropLast()
        checked.rejections.set(index, tooLarge(hitMaxBytes))
      } else accepted++
    }
    return { accepted, sentAtIgnored }
  }

  function countRejections(rejected: readonly Rejection[]): void {
    if (rejected.length === 0) return
    const byCode = new Map<RefusalCode, number>()
    for (const { code } of rejected) byCode.set(code, (byCode.get(code) ?? 0) + 1)
    for (const [code, hits] of byCode) metrics?.onRefused(code, hits)
  }

  /** The request's hits, paid for and checked. @throws ProblemError where the request is refused as a whole */
  function take(request: AcceptRequest): { merchant: Merchant; batch: SentBatch; checked: Checked } {
    const { key, merchant } = request.holder
    if (merchant === null) throw new ProblemError(403, 'forbidden', 'this key belongs to no merchant')
    const batch = readSentHits(request.body, maxHits)
    // Before the checks: a flood of wrong hits costs its sender as much as one of good ones.
    quotas?.take(key, batch.hits.length)
    return { merchant, batch, checked: checkHits(batch, request.text ?? 'unknown', key.rights) }
  }

  async function storeWithSalt(request: AcceptRequest, merchant: Merchant, batch: SentBatch, checked: Checked) {
    try {
      await salts.load(nextReceived())
    } catch (cause) {
      throw saltMissing(cause)
    }
    // Secrets are made two days ahead, so midnight may pass on the way; a clock that was set may not.
    if (!salts.ready(merchant.timeZone, nextReceived())) throw saltMissing(undefined)
    return store(request, merchant, batch, checked)
  }

  return {
    receivedNow() {
      lastReceived = nextReceived() as ReceivedTime
      return lastReceived
    },
    accept(request) {
      try {
        const { merchant, batch, checked } = take(request)
        if (checked.visitors === 'all given' || salts.ready(merchant.timeZone, nextReceived())) {
          return store(request, merchant, batch, checked)
        }
        return storeWithSalt(request, merchant, batch, checked)
      } catch (error) {
        return Promise.reject(error)
      }
    },
    validate(request) {
      const { batch, checked } = take(request)
      const { accepted } = writeHits(request, batch, checked, nextReceived() as ReceivedTime, () => someVisitor)
      return { accepted, rejected: inOrder(checked) }
    },
    quotaOf: (key) => quotas?.look(key),
  }
}

function saltMissing(cause: unknown): ProblemError {
  return new ProblemError(
    503,
    'not_ready',
    'hits without a visitor cannot be taken until the day’s secret is read; nothing of this request was stored',
    { parts: { store: 'the secret of cookieless visitors could not be read' } },
    { cause, retryAfterSeconds: saltRetrySeconds },
  )
}
