/** Turns a hit that passed the check into the hit that is kept: every field decided, nothing of the sender's changed. */
import type { EventTime, ReceivedTime } from '../event-time.ts'
import type { Campaign, Hit, HitContext, Item, PropValue, Revenue } from '../hit.ts'
import { amountToMicros } from './amount.ts'
import { correctsSkew, decideTime } from './decide-time.ts'
import type { Refusal } from './explain-refusal.ts'
import type { SentHit } from './hit-schema.ts'
import { instantMs } from './instant.ts'

/** What the collector knows beside the hit; the same for all hits of one request. */
export interface RequestFacts {
  readonly received: ReceivedTime
  /** When the client says it sent the batch, ms; NaN where it does not say, or says nonsense. */
  readonly sentAtMs: number
  /** Older hits are refused; Infinity for a key that may import history. */
  readonly maxHitAgeMs: number
  mintId(): string
  /** The cookieless visitor of this request and this user agent (the hit's own, else the request's). */
  visitor(userAgent: string | undefined): string
}

const noItems: readonly Item[] = []
const noProps: Readonly<Record<string, PropValue>> = {}

/** The hit to keep, or why there is none: older than the key may send, or before 1970. */
export function normaliseHit(sent: SentHit, facts: RequestFacts): Hit | Refusal {
  let time: EventTime = facts.received as number as EventTime
  if (sent.time !== undefined) {
    time = decideTime(instantMs(sent.time), facts.sentAtMs, facts.received)
    if (time < 0 || facts.received - time > facts.maxHitAgeMs) return tooOld
  }
  return {
    id: sent.id ?? facts.mintId(),
    name: sent.name,
    time,
    visitor: sent.visitor ?? facts.visitor(sent.context?.userAgent),
    session: sent.session ?? null,
    user: sent.user ?? null,
    url: sent.url ?? null,
    referrer: sent.referrer ?? null,
    title: sent.title ?? null,
    revenue: sent.revenue === undefined ? null : revenueOf(sent.revenue),
    items: sent.items === undefined ? noItems : sent.items.map(itemOf),
    props: sent.props ?? noProps,
    context: sent.context === undefined ? null : contextOf(sent.context),
  }
}

/** Whether the batch's `sentAt` had to be ignored for this hit: it gave a time, and `sentAt` was no help with it. */
export function ignoresSentAt(sent: SentHit, sentAtMs: number): boolean {
  return sent.time !== undefined && !correctsSkew(sentAtMs, instantMs(sent.time))
}

const tooOld: Refusal = {
  code: 'too_old',
  pointer: '/time',
  message: 'is older than this key may send, or before 1970; import old hits with a key that has the right historical',
}

function revenueOf(sent: NonNullable<SentHit['revenue']>): Revenue {
  return { micros: amountToMicros(sent.amount), currency: sent.currency }
}

function itemOf(sent: NonNullable<SentHit['items']>[number]): Item {
  return {
    id: sent.id ?? null,
    name: sent.name ?? null,
    quantity: sent.quantity ?? null,
    priceMicros: sent.price === undefined ? null : amountToMicros(sent.price),
  }
}

function contextOf(sent: NonNullable<SentHit['context']>): HitContext {
  return {
    userAgent: sent.userAgent ?? null,
    language: sent.language ?? null,
    screen: sent.screen ?? null,
    timeZone: sent.timeZone ?? null,
    campaign: sent.campaign === undefined ? null : campaignOf(sent.campaign),
  }
}

function campaignOf(sent: NonNullable<NonNullable<SentHit['context']>['campaign']>): Campaign {
  return {
    source: sent.source ?? null,
    medium: sent.medium ?? null,
    name: sent.name ?? null,
    term: sent.term ?? null,
    content: sent.content ?? null,
  }
}
