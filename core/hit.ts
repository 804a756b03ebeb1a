/**
 * A hit as a collector accepted it: every field decided, nothing derived. This is what the log, the feed and the lake
 * keep for ever; `schemas/avro/hit.v1.avsc` is its wire form, `core/hit/` its rules for what merchants may send.
 */
import type { EventTime, ReceivedTime } from './event-time.ts'
import type { MerchantId, Position } from './ids.ts'

/** Money in integer micros (millionths of a unit), so that sums are exact. |micros| < 10^18: beyond 2^53, hence bigint. */
export interface Revenue {
  readonly micros: bigint
  /** ISO 4217 */
  readonly currency: string
}

export interface Item {
  readonly id: string | null
  readonly name: string | null
  readonly quantity: number | null
  readonly priceMicros: bigint | null
}

export interface Campaign {
  readonly source: string | null
  readonly medium: string | null
  readonly name: string | null
  readonly term: string | null
  readonly content: string | null
}

export interface HitContext {
  readonly userAgent: string | null
  readonly language: string | null
  readonly screen: string | null
  readonly timeZone: string | null
  readonly campaign: Campaign | null
}

export type PropValue = string | number | boolean | null

export interface Hit {
  /** Given by the client or minted by the collector: with the merchant, the identity that `dedupe` counts once. */
  readonly id: string
  readonly name: string
  /** Skew removed, never later than `received` of its batch. */
  readonly time: EventTime
  readonly visitor: string
  readonly session: string | null
  readonly user: string | null
  readonly url: string | null
  readonly referrer: string | null
  readonly title: string | null
  readonly revenue: Revenue | null
  readonly items: readonly Item[]
  readonly props: Readonly<Record<string, PropValue>>
  readonly context: HitContext | null
}

/** User-agent client hints (RFC 8942, User-Agent Client Hints): header texts, each null where not sent, at most 256 long. */
export interface ClientHints {
  readonly brands: string | null
  readonly mobile: string | null
  readonly platform: string | null
  readonly platformVersion: string | null
  readonly model: string | null
}

/** Whose key brought the hits: a page's (`browser`) or a server's. Decides whether the request's own user agent is judged. */
export type KeyKind = 'browser' | 'server'

/**
 * The hits of one request, and what the collector knew of the request. One record of the log and of the feed;
 * `schemas/avro/hit-batch.v2.avsc` is its wire form.
 */
export interface HitBatch {
  readonly merchant: MerchantId
  /** The merchant's zone and currency at the moment of receipt. */
  readonly zone: string
  readonly currency: string
  /** Monotone in one log. */
  readonly received: ReceivedTime
  /** /24 or /48 of the client's address, `203.0.113.0/24`; the full address is kept nowhere. */
  readonly addressPrefix: string | null
  /** The request's own headers; a hit's `context` goes before them. */
  readonly requestUserAgent: string | null
  readonly requestLanguage: string | null
  /** The request's `Sec-CH-UA`, `-Mobile`, `-Platform`, `-Platform-Version`, `-Model`, as sent; null where it had none. */
  readonly requestClientHints: ClientHints | null
  readonly keyKind: KeyKind
  readonly hits: readonly Hit[]
}

/** One hit on its way through a pipeline: itself, its batch, its place in the feed. */
export interface FeedHit extends Hit, Omit<HitBatch, 'hits'> {
  /** The feed incarnation (`_src`): the id of the log, or of the topic. */
  readonly source: string
  readonly position: Position
}
