/** The shop whose traffic `hitlake seed` makes up: its catalogue, where its visitors come from and what with. */

export interface Product {
  readonly id: string
  readonly name: string
  readonly path: string
  /** In cents of the shop's currency. */
  readonly cents: number
  readonly weight: number
}

const things = [
  'Kettle',
  'Mug',
  'Lamp',
  'Chair',
  'Rug',
  'Shelf',
  'Clock',
  'Vase',
  'Basket',
  'Blanket',
  'Tray',
  'Mirror',
]
const kinds = ['Oak', 'Linen', 'Brass', 'Blue', 'Small', 'Large']

/** 72 products; the first sell most. */
export const products: readonly Product[] = things.flatMap((thing, t) =>
  kinds.map((kind, k) => {
    const number = t * kinds.length + k
    return {
      id: `sku-${String(number + 1).padStart(3, '0')}`,
      name: `${kind} ${thing}`,
      path: `/products/${kind.toLowerCase()}-${thing.toLowerCase()}`,
      cents: 900 + ((number * 7_919) % 18_000),
      weight: 1 / (number + 3),
    }
  }),
)

export interface Origin {
  readonly weight: number
  readonly referrer: string | null
  readonly campaign: { readonly source: string; readonly medium: string; readonly name: string } | null
  /** Share of its visits that end with an order, beside the others'. */
  readonly buys: number
}

export const origins: readonly Origin[] = [
  { weight: 30, referrer: null, campaign: null, buys: 1.2 },
  { weight: 34, referrer: 'https://www.google.com/', campaign: null, buys: 1 },
  { weight: 5, referrer: 'https://www.bing.com/search?q=oak+kettle', campaign: null, buys: 1 },
  { weight: 3, referrer: 'https://duckduckgo.com/', campaign: null, buys: 0.9 },
  { weight: 8, referrer: 'https://www.instagram.com/', campaign: null, buys: 0.5 },
  { weight: 5, referrer: 'https://l.facebook.com/', campaign: null, buys: 0.4 },
  { weight: 4, referrer: 'https://blog.homely.example/best-kettles', campaign: null, buys: 0.8 },
  {
    weight: 6,
    referrer: null,
    campaign: { source: 'newsletter', medium: 'email', name: 'weekly-letter' },
    buys: 2.2,
  },
  {
    weight: 5,
    referrer: 'https://www.google.com/',
    campaign: { source: 'google', medium: 'cpc', name: 'brand-search' },
    buys: 1.6,
  },
]

/** A sale: for a week of each month a campaign of its own brings a fifth more visits. */
export const sale: Origin = {
  weight: 0,
  referrer: 'https://www.instagram.com/',
  campaign: { source: 'instagram', medium: 'social', name: 'monthly-sale' },
  buys: 1.8,
}

export interface Machine {
  readonly weight: number
  readonly userAgent: string
  readonly screen: string
  /** Median of `load_ms`. */
  readonly loadMs: number
}

export const machines: readonly Machine[] = [
  {
    weight: 34,
    userAgent:
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    screen: '1920x1080',
    loadMs: 420,
  },
  {
    weight: 12,
    userAgent:
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15',
    screen: '1512x982',
    loadMs: 360,
  },
  {
    weight: 28,
    userAgent:
      'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
    screen: '390x844',
    loadMs: 780,
  },
  {
    weight: 20,
    userAgent:
      'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
    screen: '412x915',
    loadMs: 980,
  },
  {
    weight: 4,
    userAgent: 'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0',
    screen: '2560x1440',
    loadMs: 400,
  },
  {
    weight: 5,
    userAgent:
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0',
    screen: '1536x864',
    loadMs: 450,
  },
]

export const botAgents: readonly string[] = [
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
  'Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)',
]

/** Networks of large providers, one a country: what a visitor's country is told by. */
export const networks: readonly { readonly weight: number; readonly prefix: string; readonly language: string }[] = [
  { weight: 44, prefix: '91.0.0', language: 'de-DE' },
  { weight: 9, prefix: '80.108.0', language: 'de-AT' },
  { weight: 7, prefix: '178.192.0', language: 'de-CH' },
  { weight: 12, prefix: '90.0.0', language: 'fr-FR' },
  { weight: 10, prefix: '86.0.0', language: 'en-GB' },
  { weight: 8, prefix: '24.0.0', language: 'en-US' },
  { weight: 6, prefix: '62.163.0', language: 'nl-NL' },
  { weight: 4, prefix: '83.0.0', language: 'pl-PL' },
]

/** Visits by local hour of the day, midnight first. */
export const hourWeights: readonly number[] = [
  1.2, 0.7, 0.4, 0.3, 0.3, 0.6, 1.4, 2.4, 3.4, 4, 4.4, 4.8, 5, 4.6, 4.4, 4.5, 4.8, 5.4, 6.2, 7.2, 8, 7.4, 5, 2.8,
]

/** Visits by day of the week, Monday first. */
export const weekdayWeights: readonly number[] = [1, 0.96, 0.95, 0.98, 0.94, 1.08, 1.28]
