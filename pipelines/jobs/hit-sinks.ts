/**
 * The row sinks of the pipeline `hits`: how its rows become rows of the tables in `schemas/tables.ts`; those of its panes
 * are in rollup-sinks.ts. Each is one object literal with the table's columns in their order.
 */
import type { ClientHints, FeedHit, Item } from '../../core/hit.ts'
import { failedHitsTable, hitsTable } from '../../schemas/tables.ts'
import { failedTable, table } from '../plan/sinks.ts'
import type { EnrichedHit } from './enrich.ts'

export const hits = table<EnrichedHit>(hitsTable, (hit, run) => {
  const { revenue, context, position } = hit
  const campaign = context?.campaign ?? null
  return {
    merchant: hit.merchant,
    id: hit.id,
    name: hit.name,
    time: hit.time,
    received: hit.received,
    visitor: hit.visitor,
    session: hit.session,
    user: hit.user,
    url: hit.url,
    referrer: hit.referrer,
    title: hit.title,
    revenue_micros: revenue === null ? null : revenue.micros,
    revenue_currency: revenue === null ? null : revenue.currency,
    items: hit.items.length === 0 ? noItems : hit.items.map(itemRow),
    props: JSON.stringify(hit.props),
    user_agent: context === null ? null : context.userAgent,
    language: context?.language ?? hit.requestLanguage,
    screen: context === null ? null : context.screen,
    client_time_zone: context === null ? null : context.timeZone,
    campaign_source: campaign === null ? null : campaign.source,
    campaign_medium: campaign === null ? null : campaign.medium,
    campaign_name: campaign === null ? null : campaign.name,
    campaign_term: campaign === null ? null : campaign.term,
    campaign_content: campaign === null ? null : campaign.content,
    address_prefix: hit.addressPrefix,
    request_user_agent: hit.requestUserAgent,
    key_kind: hit.keyKind,
    zone: hit.zone,
    currency: hit.currency,
    path: hit.path,
    source: hit.trafficSource,
    country: hit.country,
    device: hit.device,
    bot: hit.bot,
    visitor_hash: hit.visitorHash,
    revenue_home_micros: hit.revenueHomeMicros,
    plan: run.plan,
    data_sets: run.dataSets,
    _src: run.source,
    _part: run.partition,
    _off: position.offset,
    _idx: position.index,
    _gen: run.generation,
    client_hints: clientHintsJson(hit.requestClientHints),
    browser: hit.browser,
    os: hit.os,
    medium: hit.medium,
    campaign: hit.campaign,
    load_bucket: hit.loadBucket,
  }
})

export const failedHits = failedTable<FeedHit>(failedHitsTable, (failed, run) => {
  const hit = failed.kind === 'refused' ? failed.row : null
  return {
    merchant: hit?.merchant ?? '',
    id: hit?.id ?? null,
    name: hit?.name ?? null,
    time: hit?.time ?? null,
    received: failed.kind === 'refused' ? failed.row.received : failed.received,
    step: failed.step,
    reason: failed.reason,
    original: failed.kind === 'refused' ? acceptedJson(failed.row) : Buffer.from(failed.payload).toString('base64'),
    plan: run.plan,
    _src: run.source,
    _part: run.partition,
    _off: failed.kind === 'refused' ? failed.row.position.offset : failed.offset,
    _idx: failed.kind === 'refused' ? failed.row.position.index : failed.index,
    _gen: run.generation,
    visitor: hit?.visitor ?? null,
    user: hit?.user ?? null,
  }
})

const noItems: readonly never[] = []

function itemRow(item: Item) {
  return { id: item.id, name: item.name, quantity: item.quantity, price_micros: item.priceMicros }
}

// The hits of a request share the object.
let lastHints: ClientHints | null = null
let lastHintsJson: string | null = null

/** Those that were sent, by their names in `ClientHints`. */
function clientHintsJson(hints: ClientHints | null): string | null {
  if (hints === null) return null
  if (hints !== lastHints) {
    lastHints = hints
    lastHintsJson = JSON.stringify(hints, (_, value) => (value === null ? undefined : value))
  }
  return lastHintsJson
}

/** The hit and its batch facts as accepted, nothing derived, as JSON; money as decimal strings, for it passes 2^53. */
export function acceptedJson(hit: FeedHit): string {
  const { id, name, time, visitor, session, user, url, referrer, title, revenue, items, props, context } = hit
  const { merchant, zone, currency, received, addressPrefix, requestUserAgent, requestLanguage } = hit
  const { requestClientHints, keyKind } = hit
  const accepted = { id, name, time, visitor, session, user, url, referrer, title, revenue, items, props, context }
  const batch = {
    merchant,
    zone,
    currency,
    received,
    addressPrefix,
    requestUserAgent,
    requestLanguage,
    requestClientHints,
    keyKind,
  }
  return JSON.stringify({ ...accepted, ...batch }, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
}
