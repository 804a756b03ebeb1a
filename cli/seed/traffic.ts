/**
 * Made-up traffic of one shop: visits with a daily and weekly shape, returning visitors, sources and campaigns, a funnel
 * from page view to order, refunds, foreign currencies, load times, bots. What a day holds follows from the seed, the
 * settings and the date alone, so that any stretch of days can be made again, in any order, and is the same for ever.
 */
import { Temporal } from 'temporal-polyfill'
import { Draws } from './random.ts'
import {
  botAgents,
  hourWeights,
  type Machine,
  machines,
  networks,
  type Origin,
  origins,
  type Product,
  products,
  sale,
  weekdayWeights,
} from './shop.ts'

export interface SeedSettings {
  /** Any whole number. */
  readonly seed: number
  /** IANA zone whose days and hours give the traffic its shape. */
  readonly timeZone: string
  readonly currency: string
  /** About how many hits an average day has. */
  readonly hitsPerDay: number
}

/** A hit as `POST /v1/hits` takes it, and the address of its visitor. */
export interface SeedHit {
  readonly address: string
  readonly hit: {
    readonly id: string
    readonly name: string
    /** ms since 1970 */
    readonly time: number
    readonly visitor: string
    readonly url: string
    readonly title: string
    readonly referrer?: string
    readonly revenue?: { readonly amount: string; readonly currency: string }
    readonly items?: readonly {
      readonly id: string
      readonly name: string
      readonly quantity: number
      readonly price: string
    }[]
    readonly props: Readonly<Record<string, string | number | boolean>>
    readonly context: {
      readonly userAgent: string
      readonly language: string
      readonly screen: string
      readonly timeZone: string
      readonly campaign?: { readonly source: string; readonly medium: string; readonly name: string }
    }
  }
}

/** A visit has this many hits on average; measured, and held by a test. */
export const hitsPerVisit = 4.6
const host = 'https://shop.example'
/** Visitors who come back: this many times the visits of a day. */
const poolFactor = 12

/** All hits of one local date (`2026-03-29`), by time. */
export function trafficOfDay(settings: SeedSettings, date: string): readonly SeedHit[] {
  const day = Temporal.PlainDate.from(date)
  const dayNumber = Math.floor(Date.parse(`${date}T00:00:00Z`) / 86_400_000)
  const draws = new Draws(settings.seed, dayNumber)
  const midnight = day.toZonedDateTime(settings.timeZone).epochMilliseconds
  const lengthMs = day.add({ days: 1 }).toZonedDateTime(settings.timeZone).epochMilliseconds - midnight
  const perDay = settings.hitsPerDay / hitsPerVisit
  const weekday = weekdayWeights[day.dayOfWeek - 1] ?? 1
  const inSale = day.day >= 8 && day.day <= 14
  const visits = Math.round(perDay * weekday * (0.92 + 0.16 * draws.unit()) * (inSale ? 1.2 : 1))
  const found: SeedHit[] = []
  for (let number = 0; number < visits; number++) {
    const hour = draws.weighted(hours).hour
    // A day of 23 or 25 hours is drawn over as it is.
    const at = midnight + Math.floor(((hour + draws.unit()) / 24) * lengthMs)
    const visit = { settings, draws, id: `s${settings.seed}-${dayNumber}-${number}`, at, inSale, perDay }
    for (const hit of draws.chance(0.03) ? botVisit(visit) : shopVisit(visit)) {
      // A visit that would end tomorrow ends today: a day's hits are its own.
      if (hit.hit.time < midnight + lengthMs) found.push(hit)
    }
  }
  return found.sort((a, b) => a.hit.time - b.hit.time || (a.hit.id < b.hit.id ? -1 : 1))
}

const hours = hourWeights.map((weight, hour) => ({ weight, hour }))

interface Visit {
  readonly settings: SeedSettings
  readonly draws: Draws
  readonly id: string
  readonly at: number
  readonly inSale: boolean
  /** Visits of an average day. */
  readonly perDay: number
}

interface Visitor {
  readonly name: string
  readonly machine: Machine
  readonly address: string
  readonly language: string
}

/** A visitor's machine and network follow from its number: who comes back comes back the same. */
function visitorOf({ settings, draws, perDay }: Visit): Visitor {
  // The square makes some come often and most once.
  const number = Math.floor(draws.unit() ** 2 * perDay * poolFactor)
  const own = new Draws(settings.seed, 7, number)
  const network = own.weighted(networks)
  return {
    name: `visitor-${number}`,
    machine: own.weighted(machines),
    address: `${network.prefix}.${own.whole(1, 254)}`,
    language: network.language,
  }
}

function shopVisit(visit: Visit): SeedHit[] {
  const { draws, inSale, settings } = visit
  const visitor = visitorOf(visit)
  const origin = inSale && draws.chance(1 / 6) ? sale : draws.weighted(origins)
  const hits: SeedHit[] = []
  let at = visit.at
  const add = (name: string, page: Page, more: Partial<SeedHit['hit']> = {}) => {
    hits.push(hitOf(visit, visitor, { number: hits.length, at, name, page, origin, more }))
    at += Math.ceil(draws.logNormal(35_000, 0.9))
  }
  add('page_view', draws.chance(0.45) ? home : productPage(draws.weighted(products)))
  if (draws.chance(0.38)) return hits
  let product = draws.weighted(products)
  for (let views = draws.whole(1, 4); views > 0; views--) {
    product = draws.weighted(products)
    add('page_view', productPage(product))
    if (draws.chance(0.5)) add('view_item', productPage(product), { items: [itemOf(product, 1)] })
  }
  if (!draws.chance(0.16 * origin.buys)) return hits
  const quantity = draws.weighted(quantities).quantity
  const items = [itemOf(product, quantity)]
  add('add_to_cart', productPage(product), { items })
  add('page_view', { path: '/cart', title: 'Cart' })
  if (draws.chance(0.35)) return hits
  add('begin_checkout', { path: '/checkout', title: 'Checkout' })
  if (draws.chance(0.3)) return hits
  // Some pay in another currency, which is never added to the shop's own; a few send it back.
  const currency = draws.chance(0.05) ? draws.pick(['USD', 'GBP', 'CHF']) : settings.currency
  const sign = draws.chance(0.02) ? '-' : ''
  const revenue = { amount: `${sign}${decimal(product.cents * quantity)}`, currency }
  add('purchase', { path: '/thanks', title: 'Thank you' }, { revenue, items })
  return hits
}

const quantities = [
  { weight: 80, quantity: 1 },
  { weight: 15, quantity: 2 },
  { weight: 5, quantity: 3 },
]

function botVisit(visit: Visit): SeedHit[] {
  const { draws } = visit
  const bot: Visitor = {
    name: `crawler-${draws.whole(1, 9)}`,
    machine: { weight: 0, userAgent: draws.pick(botAgents), screen: '1024x768', loadMs: 90 },
    address: `66.249.66.${draws.whole(1, 254)}`,
    language: 'en-US',
  }
  return Array.from({ length: draws.whole(3, 12) }, (_, number) =>
    hitOf(visit, bot, {
      number,
      at: visit.at + number * 1_500,
      name: 'page_view',
      page: productPage(draws.pick(products)),
      origin: null,
      more: {},
    }),
  )
}

interface Page {
  readonly path: string
  readonly title: string
}

const home: Page = { path: '/', title: 'Homely goods' }

function productPage(product: Product): Page {
  return { path: product.path, title: product.name }
}

function hitOf(
  { id, settings, draws }: Visit,
  visitor: Visitor,
  what: {
    readonly number: number
    readonly at: number
    readonly name: string
    readonly page: Page
    readonly origin: Origin | null
    readonly more: Partial<SeedHit['hit']>
  },
): SeedHit {
  const { number, at, name, page, origin, more } = what
  const { machine } = visitor
  return {
    address: visitor.address,
    hit: {
      id: `${id}-${number}`,
      name,
      time: at,
      visitor: visitor.name,
      url: `${host}${page.path}`,
      title: page.title,
      ...(origin === null || origin.referrer === null ? {} : { referrer: origin.referrer }),
      props: name === 'page_view' ? { load_ms: Math.round(draws.logNormal(machine.loadMs, 0.5) * 10) / 10 } : {},
      context: {
        userAgent: machine.userAgent,
        language: visitor.language,
        screen: machine.screen,
        timeZone: settings.timeZone,
        ...(origin === null || origin.campaign === null ? {} : { campaign: origin.campaign }),
      },
      ...more,
    },
  }
}

function itemOf(product: Product, quantity: number) {
  return { id: product.id, name: product.name, quantity, price: decimal(product.cents) }
}

function decimal(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`
}
