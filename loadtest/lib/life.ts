/**
 * Before and after every script: merchants are made anew, and at the end each is held to account: nothing in flight, the
 * books balance, and a time series counts what the books call stored. Whether that is what was answered 202, the runner
 * compares, because no virtual user knows what all of them counted (`runner/check.ts`).
 */
import { fail, sleep } from 'k6'
import http from 'k6/http'
import { booksAccepted, booksBalanced, booksDuplicates, booksOther, booksStored, seriesHits } from './metrics.ts'
import { adminKey, askUrl, load, runName, summaryFile } from './settings.ts'
import { zipf } from './traffic.ts'

/** How long after the last hit the books may take to come to rest, before slack. An epoch is 2 s embedded. */
export const restLimitSeconds = 60

export interface Shop {
  readonly id: string
  readonly writeKey: string
  readonly readKey: string
}

/** What `setup` hands to every virtual user. */
export interface World {
  readonly shops: readonly Shop[]
  /** UTC date of the beginning. */
  readonly from: string
}

interface Books {
  readonly accepted: number
  readonly stored: number
  readonly duplicates: number
  readonly failed: number
  readonly dropped: Readonly<Record<string, number>>
  readonly inFlight: number
  readonly balanced: boolean
}

const asAdmin = { headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' } }

export function setup(): World {
  const from = new Date().toISOString().slice(0, 10)
  const shops = Array.from({ length: load.merchants }, (_, index) => {
    const id = `${runName}-${index}`
    const merchant = JSON.stringify({ id, name: id, timeZone: 'UTC', currency: 'EUR' })
    const made = http.post(`${askUrl}/v1/admin/merchants`, merchant, asAdmin)
    if (made.status !== 201) fail(`a merchant could not be made: ${made.status} ${made.body}`)
    const { writeKey, readKey } = made.json() as Shop
    return { id, writeKey, readKey }
  })
  return { shops, from }
}

/** One of the merchants, the first ones far more often than the last. */
export function shopOf({ shops }: World): Shop {
  const shop = shops[zipf(Math.random(), shops.length)]
  if (shop === undefined) throw new Error('there are no merchants')
  return shop
}

export function teardown(world: World): void {
  const endedAt = Date.now()
  const deadline = endedAt + restLimitSeconds * load.slack * 1_000
  for (const shop of world.shops) {
    const books = settledBooks(shop, deadline)
    booksBalanced.add(books.balanced && books.inFlight === 0)
    booksAccepted.add(books.accepted)
    booksStored.add(books.stored)
    booksDuplicates.add(books.duplicates)
    booksOther.add(books.failed + Object.values(books.dropped).reduce((sum, count) => sum + count, 0))
    seriesHits.add(hitsInSeries(shop, world.from, { asOf: endedAt, deadline }))
  }
}

function settledBooks({ id }: Shop, deadline: number): Books {
  for (;;) {
    const answer = http.get(`${askUrl}/v1/admin/books?merchant=${id}`, asAdmin)
    if (answer.status === 200) {
      const books = answer.json() as Books
      if (books.inFlight === 0 || Date.now() > deadline) return books
    } else if (Date.now() > deadline) fail(`the books of ${id} were answered ${answer.status} ${answer.body}`)
    sleep(0.25)
  }
}

/** As soon as the answer promises all hits received before `asOf`; at the deadline whatever it holds. */
function hitsInSeries({ id, readKey }: Shop, from: string, until: { asOf: number; deadline: number }): number {
  const to = new Date().toISOString().slice(0, 10)
  const path = `/v1/merchants/${id}/timeseries?metrics=hits&interval=day&from=${from}&to=${to}`
  for (;;) {
    const answer = http.get(`${askUrl}${path}`, { headers: { authorization: `Bearer ${readKey}` } })
    if (answer.status !== 200) fail(`the series of ${id} was answered ${answer.status} ${answer.body}`)
    const { buckets, meta } = answer.json() as Series
    if (Date.parse(meta.asOf) >= until.asOf || Date.now() > until.deadline) {
      return buckets.reduce((sum, bucket) => sum + bucket.hits, 0)
    }
    sleep(0.25)
  }
}

interface Series {
  readonly buckets: readonly { readonly hits: number }[]
  readonly meta: { readonly asOf: string }
}

/** For the runner to read; a script run by hand prints it whole. Without what `setup` made: there are keys in it. */
export function handleSummary(data: { readonly metrics: unknown }): Readonly<Record<string, string>> {
  return { [summaryFile ?? 'stdout']: JSON.stringify({ metrics: data.metrics }, null, 2) }
}
