/**
 * The collector: takes the parsed body of a request, keeps the hits that are as documented, and answers when they are on
 * disk. Each hit stands for itself: a wrong one is refused with its reason, the others are kept, in one record of the log.
 *
 * Promise: a 202 means that every hit counted in `accepted` is durable. Whatever JSON the body is, the result is a reply
 * or one of ProblemError (the request's fault, or 503) and LogUnavailableError (503); then nothing of it was stored.
 */
import type { ReceivedTime } from '../../core/event-time.ts'
import { dayMs } from '../../core/event-time.ts'
import { explainRefusal, type Refusal, type RefusalCode } from '../../core/hit/explain-refusal.ts'
import { hitChecks } from '../../core/hit/hit-checks.ts'
import type { SentHit } from '../../core/hit/hit-schema.ts'
import { hitLimits } from '../../core/hit/limits.ts'
import { createIdMint } from '../../core/hit/mint-id.ts'
import { ignoresSentAt, normaliseHit, type RequestFacts } from '../../core/hit/normalise-hit.ts'
import { isText, type TextKnowledge } from '../../core/hit/text.ts'
import type { ClientHints } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { Clock, Random } from '../../core/ports/clock.ts'
import type { KeyHolder, Merchant } from '../../core/ports/control-store.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import { hitBatchWriter } from '../../schemas/avro/hit-batch.ts'
import { addressPrefix } from './client-address.ts'
import type { Durability } from './forwarder-waiters.ts'
import { ProblemError } from './problem.ts'
import { readSentHits, requestMaxHits, type SentBatch } from './sent-batch.ts'
import type { VisitorSalts } from './visitor-salt.ts'

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

export interface Rejection extends Refusal {
  /** Of the hit in the request, from 0. */
  readonly index: number
}

export interface AcceptReply {
  /** 400 where hits came and none was kept. */
  readonly status: 202 | 400
  readonly accepted: number
  readonly rejected: readonly Rejection[]
  /** Where the accepted hits are for certain. */
  readonly durability: Durability
}

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
  /** Now, and a promise: no hit that is taken after this call was received before it. */
  receivedNow(): ReceivedTime
}

const nobodyRejected: readonly Rejection[] = []

export function createCollector(options: CollectorOptions): Collector {
  const { clock, log, salts, ledger, confirm, metrics } = options
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
    const facts: RequestFacts = {
      received,
      sentAtMs: batch.sentAtMs,
      maxHitAgeMs: request.holder.key.rights.includes('historical') ? Number.POSITIVE_INFINITY : maxHitAgeMs,
      mintId,
      visitor(ownAgent) {
        const userAgent = ownAgent ?? header.requestUserAgent
        if (userAgent !== lastAgent) {
          lastVisitor = salts.visitor({ ...header, atMs: received, userAgent })
          lastAgent = userAgent
        }
        return lastVisitor
      },
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
    const rejected = countRejections(checked)
    if (sentAtIgnored > 0) metrics?.onSentAtIgnored(sentAtIgnored)
    const reply = { status: accepted === 0 ? 400 : 202, accepted, rejected, durability: 'disk' } as const
    if (accepted === 0) return Promise.resolve(reply)
    return log.append(writer.finish(header)).then((offset) => {
      ledger?.note(offset, merchant.id, received, accepted)
      metrics?.onAccepted(accepted)
      return confirm === undefined ? reply : confirm(offset).then((durability) => ({ ...reply, durability }))
    })
  }

  function countRejections(checked: Checked): readonly Rejection[] {
    if (checked.rejections.size === 0) return nobodyRejected
    const rejected = [...checked.rejections].sort(([a], [b]) => a - b).map(([index, why]) => ({ index, ...why }))
    const byCode = new Map<RefusalCode, number>()
    for (const { code } of rejected) byCode.set(code, (byCode.get(code) ?? 0) + 1)
    for (const [code, hits] of byCode) metrics?.onRefused(code, hits)
    return rejected
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
        const { merchant } = request.holder
        if (merchant === null) throw new ProblemError(403, 'forbidden', 'this key belongs to no merchant')
        const batch = readSentHits(request.body, maxHits)
        const checked = checkHits(batch, request.text ?? 'unknown')
        if (checked.visitors === 'all given' || salts.ready(merchant.timeZone, nextReceived())) {
          return store(request, merchant, batch, checked)
        }
        return storeWithSalt(request, merchant, batch, checked)
      } catch (error) {
        return Promise.reject(error)
      }
    },
  }
}

interface Checked {
  /** By index in the request. */
  readonly rejections: Map<number, Refusal>
  readonly visitors: 'all given' | 'some to derive'
}

function checkHits(batch: SentBatch, text: TextKnowledge): Checked {
  const isHit = hitChecks[text]
  const rejections = new Map<number, Refusal>()
  let visitors: Checked['visitors'] = 'all given'
  for (let index = 0; index < batch.hits.length; index++) {
    const sent = batch.hits[index]
    if (!isHit(sent)) rejections.set(index, batch.explain(explainRefusal(sent), sent))
    else if ((sent as SentHit).visitor === undefined) visitors = 'some to derive'
  }
  return { rejections, visitors }
}

function tooLarge(maxBytes: number): Refusal {
  return { code: 'hit_too_large', pointer: '', message: `takes more than ${maxBytes} bytes; shorten its properties` }
}

/** A header's text as far as it is kept; null where it is none or holds what a hit may not. */
function headerText(text: string | undefined, maxLength: number): string | null {
  if (text === undefined || !isText(text)) return null
  return text.length > maxLength
    ? (text.slice(0, maxLength) as unknown as { toWellFormed(): string }).toWellFormed()
    : text
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
