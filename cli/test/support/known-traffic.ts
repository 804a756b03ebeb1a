/**
 * Seeded traffic of a shop with what its dimensions must be, written from the public contract: which browser a user agent
 * is, which source a referrer, which country a network. The independent side of the tests that recount queries.
 */
import { mulberry32 } from '../../seed/random.ts'
import { type SeedHit, type SeedSettings, trafficOfDay } from '../../seed/traffic.ts'
import type { KnownHit } from './recount-query.ts'

export interface KnownTraffic {
  readonly sent: readonly SeedHit[]
  readonly known: readonly KnownHit[]
}

/** Whole local days, from `firstDate` on. One page in forty has no URL path but a query, one hit in fifty no load time. */
export function knownTraffic(settings: SeedSettings, firstDate: string, days: number): KnownTraffic {
  const random = mulberry32(settings.seed)
  const sent = Array.from({ length: days }, (_, day) =>
    trafficOfDay(settings, new Date(Date.parse(firstDate) + day * 86_400_000).toISOString().slice(0, 10)),
  )
    .flat()
    .map((hit) => withProps(hit, random))
  return { sent, known: sent.map(knownOf) }
}

/** Custom properties of every kind, hostile texts among them; a client's own session for one visitor in ten. */
function withProps({ address, hit }: SeedHit, random: () => number): SeedHit {
  const draw = random()
  const props: Record<string, string | number | boolean> = { ...hit.props }
  if (draw < 0.3) props.plan = draw < 0.1 ? 'gold' : draw < 0.2 ? "o'silver" : 'brass "quoted" \\ %_'
  if (draw > 0.25 && draw < 0.5) props.score = draw < 0.3 ? 12.5 : draw < 0.4 ? 1e21 : -3
  if (draw > 0.45 && draw < 0.6) props['is new?'] = draw < 0.5
  return { address, hit: { ...hit, props } }
}

export function knownOf({ address, hit }: SeedHit): KnownHit {
  const { userAgent, campaign, language } = hit.context
  const machine = machines.find(({ part }) => userAgent.includes(part))
  const referrer = sources.find(({ part }) => hit.referrer?.includes(part))
  const props = Object.fromEntries(Object.entries(hit.props).map(([key, value]) => [`props.${key}`, String(value)]))
  return {
    time: hit.time,
    name: hit.name,
    visitor: hit.visitor,
    session: null,
    bot: /bot/i.test(userAgent),
    dimensions: {
      page: new URL(hit.url).pathname,
      source: campaign?.source ?? referrer?.source ?? '(direct)',
      medium: campaign?.medium ?? referrer?.medium ?? '(none)',
      campaign: campaign?.name ?? null,
      country: countries.find(({ prefix }) => address.startsWith(prefix))?.country ?? null,
      device: machine?.device ?? 'other',
      browser: machine?.browser ?? null,
      os: machine?.os ?? null,
      language,
      ...props,
    },
    cents: hit.revenue === undefined ? 0 : Math.round(Number(hit.revenue.amount) * 100),
    currency: hit.revenue?.currency ?? null,
    loadMs: typeof hit.props.load_ms === 'number' ? hit.props.load_ms : null,
  }
}

// The first that matches holds: Edge names Chrome and Safari too.
const machines = [
  { part: 'Googlebot', device: 'other', browser: 'Googlebot', os: null },
  { part: 'bingbot', device: 'other', browser: 'BingCrawler', os: null },
  { part: 'AhrefsBot', device: 'other', browser: 'AhrefsBot', os: null },
  { part: 'Edg/', device: 'desktop', browser: 'Microsoft Edge', os: 'Windows' },
  { part: 'iPhone', device: 'mobile', browser: 'Safari', os: 'iOS' },
  { part: 'Android', device: 'mobile', browser: 'Chrome', os: 'Android' },
  { part: 'Macintosh', device: 'desktop', browser: 'Safari', os: 'macOS' },
  { part: 'Firefox', device: 'desktop', browser: 'Firefox', os: 'Linux' },
  { part: 'Windows', device: 'desktop', browser: 'Chrome', os: 'Windows' },
] as const

const sources = [
  { part: 'www.google.com', source: 'google', medium: 'organic' },
  { part: 'www.bing.com', source: 'bing', medium: 'organic' },
  { part: 'duckduckgo.com', source: 'duckduckgo', medium: 'organic' },
  { part: 'www.instagram.com', source: 'instagram', medium: 'social' },
  { part: 'l.facebook.com', source: 'facebook', medium: 'social' },
  { part: 'blog.homely.example', source: 'blog.homely.example', medium: 'referral' },
] as const

const countries = [
  { prefix: '91.0.', country: 'DE' },
  { prefix: '80.108.', country: 'AT' },
  { prefix: '178.192.', country: 'CH' },
  { prefix: '90.0.', country: 'FR' },
  { prefix: '86.0.', country: 'GB' },
  { prefix: '24.0.', country: 'US' },
  { prefix: '62.163.', country: 'NL' },
  { prefix: '83.0.', country: 'PL' },
  { prefix: '66.249.', country: 'US' },
] as const
