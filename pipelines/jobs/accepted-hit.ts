/**
 * Back from a row of `hits`, or from the original in a row of `failed_hits`, to the hit as it was accepted: what a rerun
 * sends through a plan again. The way there is in hit-sinks.ts; the row that the plan of a row's hit makes is that row.
 *
 * What a row of `hits` does not tell: whose language it was. `language` is the hit's own, and where it had none that of the
 * request; a hit read back has it as the request's. A context in which nothing was said reads back as no context. Steps
 * that would tell these apart cannot be run again as they ran.
 */
import type { EventTime, ReceivedTime } from '../../core/event-time.ts'
import type { Campaign, ClientHints, FeedHit, HitContext, Item, KeyKind, PropValue, Revenue } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { LakeRow, LakeValue } from '../../core/tables.ts'

/** Columns of `hits` that hold what was accepted, and where it came from. */
export const acceptedColumns: readonly string[] = [
  ...['merchant', 'id', 'name', 'time', 'received', 'visitor', 'session', 'user', 'url', 'referrer', 'title'],
  ...['revenue_micros', 'revenue_currency', 'items', 'props', 'user_agent', 'language', 'screen', 'client_time_zone'],
  ...['campaign_source', 'campaign_medium', 'campaign_name', 'campaign_term', 'campaign_content', 'address_prefix'],
  ...['request_user_agent', 'key_kind', 'zone', 'currency', 'client_hints', '_src', '_part', '_off', '_idx'],
]

type Value = LakeValue | undefined

/** The hit of a row of `hits`. */
export function acceptedHit(row: LakeRow): FeedHit {
  return {
    id: row.id as string,
    name: row.name as string,
    time: row.time as EventTime,
    visitor: row.visitor as string,
    session: textOf(row.session),
    user: textOf(row.user),
    url: textOf(row.url),
    referrer: textOf(row.referrer),
    title: textOf(row.title),
    revenue: revenueOf(row),
    items: itemsOf(row.items),
    props: propsOf(row.props),
    context: contextOf(row),
    merchant: row.merchant as MerchantId,
    zone: row.zone as string,
    currency: row.currency as string,
    received: row.received as ReceivedTime,
    addressPrefix: textOf(row.address_prefix),
    requestUserAgent: textOf(row.request_user_agent),
    requestLanguage: textOf(row.language),
    requestClientHints: clientHintsOf(row.client_hints),
    keyKind: row.key_kind as KeyKind,
    source: row._src as string,
    position: positionOf(row),
  }
}

/**
 * The hit of a row of `failed_hits`; null where its original is a record that nobody could decode, or is no hit of ours:
 * such a row is not run again.
 */
export function acceptedHitOfFailed(row: LakeRow): FeedHit | null {
  const accepted = originalOf(row)
  if (accepted === null) return null
  const { revenue = null, items = [], requestClientHints = null, ...rest } = accepted
  return {
    id: rest.id,
    name: rest.name,
    time: rest.time as EventTime,
    visitor: rest.visitor,
    session: rest.session ?? null,
    user: rest.user ?? null,
    url: rest.url ?? null,
    referrer: rest.referrer ?? null,
    title: rest.title ?? null,
    revenue: revenue === null ? null : { micros: BigInt(revenue.micros), currency: revenue.currency },
    items: items.map(({ id, name, quantity, priceMicros }) => ({
      ...{ id, name, quantity },
      priceMicros: priceMicros === null ? null : BigInt(priceMicros),
    })),
    props: rest.props ?? noProps,
    context: rest.context ?? null,
    merchant: rest.merchant as MerchantId,
    zone: rest.zone,
    currency: rest.currency,
    received: rest.received as ReceivedTime,
    addressPrefix: rest.addressPrefix ?? null,
    requestUserAgent: rest.requestUserAgent ?? null,
    requestLanguage: rest.requestLanguage ?? null,
    requestClientHints,
    keyKind: rest.keyKind,
    source: row._src as string,
    position: positionOf(row),
  }
}

/** As `acceptedJson` writes it; originals of before a field was kept have none. */
type Original = Omit<FeedHit, 'source' | 'position' | 'revenue' | 'items'> & {
  readonly revenue?: { readonly micros: string; readonly currency: string } | null
  readonly items?: readonly (Omit<Item, 'priceMicros'> & { readonly priceMicros: string | null })[]
}

function originalOf(row: LakeRow): Original | null {
  const { original } = row
  // Base64 has no brace.
  if (typeof original !== 'string' || !original.startsWith('{')) return null
  try {
    const parsed = JSON.parse(original) as Partial<Original>
    return typeof parsed.merchant === 'string' && typeof parsed.id === 'string' && typeof parsed.time === 'number'
      ? (parsed as Original)
      : null
  } catch {
    return null
  }
}

const noItems: readonly never[] = Object.freeze([])
const noProps: Readonly<Record<string, PropValue>> = Object.freeze({})

const textOf = (value: Value): string | null => (value === undefined ? null : (value as string | null))

/** A whole number as the lake reads it back: a number where that is exact. */
const microsOf = (value: Value): bigint | null =>
  value === null || value === undefined ? null : typeof value === 'bigint' ? value : BigInt(value as number)

function positionOf({ _part, _off, _idx }: LakeRow): FeedHit['position'] {
  return { partition: _part as number, offset: _off as Offset, index: _idx as number }
}

function revenueOf({ revenue_micros, revenue_currency }: LakeRow): Revenue | null {
  const micros = microsOf(revenue_micros)
  return micros === null ? null : { micros, currency: revenue_currency as string }
}

function itemsOf(items: Value): readonly Item[] {
  if (items === null || items === undefined) return noItems
  const list = items as readonly { readonly [name: string]: LakeValue }[]
  if (list.length === 0) return noItems
  return list.map((item) => ({
    id: textOf(item.id),
    name: textOf(item.name),
    quantity: (item.quantity ?? null) as number | null,
    priceMicros: microsOf(item.price_micros),
  }))
}

function propsOf(props: Value): Readonly<Record<string, PropValue>> {
  if (typeof props !== 'string' || props === '{}') return noProps
  return JSON.parse(props) as Record<string, PropValue>
}

function contextOf(row: LakeRow): HitContext | null {
  const campaign = campaignOf(row)
  const userAgent = textOf(row.user_agent)
  const screen = textOf(row.screen)
  const timeZone = textOf(row.client_time_zone)
  if (campaign === null && userAgent === null && screen === null && timeZone === null) return null
  return { userAgent, language: null, screen, timeZone, campaign }
}

function campaignOf(row: LakeRow): Campaign | null {
  const source = textOf(row.campaign_source)
  const medium = textOf(row.campaign_medium)
  const name = textOf(row.campaign_name)
  const term = textOf(row.campaign_term)
  const content = textOf(row.campaign_content)
  if (source === null && medium === null && name === null && term === null && content === null) return null
  return { source, medium, name, term, content }
}

// Rows of a request lie near each other.
let lastJson: string | null = null
let lastHints: ClientHints | null = null

function clientHintsOf(json: Value): ClientHints | null {
  if (typeof json !== 'string') return null
  if (json !== lastJson) {
    const given = JSON.parse(json) as Partial<ClientHints>
    const { brands = null, mobile = null, platform = null, platformVersion = null, model = null } = given
    lastHints = { brands, mobile, platform, platformVersion, model }
    lastJson = json
  }
  return lastHints
}
