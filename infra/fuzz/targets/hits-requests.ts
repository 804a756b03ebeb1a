/**
 * Bodies of `POST /v1/hits`, plain and gzipped. Promise: 202 or a refusal with its code; what was accepted, and nothing
 * else, is in the log as it was sent; `…/validate` says of the same body what became of it.
 */
import { isDeepStrictEqual } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { goodSentHit } from '../../../core/hit/sent-hit-under-test.ts'
import type { Hit } from '../../../core/hit.ts'
import type { Draw } from '../../sim/random.ts'
import { type CollectorWorld, collectorWorld, promisedProblem, promisedRejections } from '../collector-world.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { mutateJson } from '../mutate-json.ts'
import { type FuzzTarget, type OpenTarget, promised, type Verdict } from '../target.ts'

const bodyMaxBytes = 4 * 1_024 * 1_024

export const hitWords = {
  values: [
    ...[
      '"page_view"',
      '"purchase"',
      '"EUR"',
      '"eur"',
      '"JPY"',
      '"12.345678"',
      '"1e3"',
      '"999999999999.999999"',
      '"-0"',
    ],
    ...[
      '1772366400000',
      '"2026-03-01T11:59:00Z"',
      '"2026-03-01T12:00:01+14:00"',
      '"2026-02-29T00:00:00Z"',
      '1772366400001',
    ],
    ...[
      '{"amount":"1","currency":"EUR"}',
      '{"name":"a"}',
      '[{"name":"a"}]',
      '{"hits":[{"name":"a"}]}',
      '"Europe/Berlin"',
    ],
  ],
  keys: [
    ...['id', 'name', 'time', 'visitor', 'session', 'user', 'url', 'referrer', 'title', 'revenue', 'items', 'props'],
    ...[
      'context',
      'amount',
      'currency',
      'quantity',
      'price',
      'userAgent',
      'campaign',
      'source',
      'hits',
      'sentAt',
      'seq',
    ],
  ],
}

const examples = async () => {
  const drawn = fc.sample(goodSentHit, { numRuns: 400, seed: 3 }).map(({ time: _, ...hit }) => hit)
  const full = drawn.filter((hit) => Object.keys(hit).length > 6 && JSON.stringify(hit).length < 1_500)
  const plain = {
    name: 'page_view',
    visitor: 'v1',
    url: 'https://shop.example/a?utm_source=x',
    time: '2026-03-01T11:59:00Z',
  }
  const order = {
    ...{ id: 'o-1', name: 'purchase', visitor: 'v1', time: 1_772_366_000_000 },
    revenue: { amount: '19.99', currency: 'EUR' },
    items: [{ id: 'p1', name: 'Shoe', quantity: 2, price: 9.995 }],
    props: { plan: 'gold', score: 1.5, new: true, none: null },
    context: {
      userAgent: 'x',
      language: 'de',
      screen: '1x1',
      timeZone: 'Europe/Berlin',
      campaign: { source: 's', name: 'n' },
    },
  }
  const bodies = {
    one: plain,
    order,
    list: [plain, order, { name: 'a' }],
    wrapped: { hits: [plain, order], sentAt: 1_772_366_400_000 },
    drawn: full.slice(0, 6),
    more: full.slice(6, 10),
  }
  return Object.fromEntries(Object.entries(bodies).map(([name, body]) => [name, Buffer.from(JSON.stringify(body))]))
}

/** What a body says, by a parser that is not the server's; undefined where it is not JSON. */
function sentHits(body: Buffer): readonly unknown[] | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body))
    if (Array.isArray(json)) return json
    const { hits } = (json ?? {}) as { readonly hits?: unknown }
    return Array.isArray(hits) ? hits : [json]
  } catch {
    return undefined
  }
}

/** A hit of the log against the one that was sent. */
export function promisedSame(sent: unknown, hit: Hit | undefined): void {
  const given = sent as Readonly<Record<string, unknown>>
  promised(hit !== undefined, () => `no hit in the log for ${JSON.stringify(sent)}`)
  for (const field of ['id', 'name', 'visitor', 'session', 'user', 'url', 'referrer', 'title'] as const) {
    const kept = hit?.[field] ?? null
    promised(
      given[field] === undefined || given[field] === kept,
      () => `${field} ${JSON.stringify(given[field])} became ${JSON.stringify(kept)}`,
    )
  }
  // -0 has no place in JSON text of an answer, and none in what is compared.
  const props = Object.fromEntries(Object.entries(given.props ?? {}))
  promised(
    isDeepStrictEqual({ ...hit?.props }, props),
    () => `props ${JSON.stringify(props)} became ${JSON.stringify(hit?.props)}`,
  )
}

export async function judgeHits(
  world: CollectorWorld,
  payload: Buffer,
  body: Buffer | undefined,
  encoding: string,
): Promise<Verdict> {
  world.clock.advance(1_000)
  const headers = { 'content-type': 'application/json', 'content-encoding': encoding, authorization: 'Bearer writer' }
  const post = async (url: string) => {
    const { statusCode, payload: text } = await world.app.inject({ method: 'POST', url, headers, payload })
    return {
      status: statusCode,
      answer: JSON.parse(text) as {
        readonly accepted: number
        readonly rejected: readonly { readonly index: number }[]
      },
    }
  }
  const validated = await post('/v1/hits/validate')
  promised((await world.storedSince()).length === 0, () => 'a validation stored something')
  const { status, answer } = await post('/v1/hits')
  const stored = await world.storedSince()
  const hits = body === undefined ? undefined : sentHits(body)
  if (validated.status === 200) {
    const { accepted, rejected } = answer
    promised(
      isDeepStrictEqual(validated.answer, { accepted, rejected }),
      () => `validated ${JSON.stringify(validated.answer)}, then ${JSON.stringify(answer)}`,
    )
  } else promised(validated.status === status, () => `validation ${validated.status}, then ${status}`)
  if (status !== 202) {
    promisedProblem(status, answer)
    promised(stored.length === 0, () => `status ${status}, and the log has grown`)
    if (answer.rejected !== undefined)
      promised(promisedRejections(answer.rejected) === hits?.length, () => 'not all hits are rejected')
    return 'refused'
  }
  const rejected = promisedRejections(answer.rejected)
  promised(
    hits !== undefined && answer.accepted + rejected === hits.length,
    () => `${answer.accepted} accepted, ${rejected} rejected of ${hits?.length}`,
  )
  promised(
    stored.length === 1 && stored[0]?.hits.length === answer.accepted,
    () => `${answer.accepted} accepted, ${stored[0]?.hits.length} in the log`,
  )
  const refused = new Set(answer.rejected.map(({ index }) => index))
  hits
    ?.filter((_, i) => !refused.has(i))
    .forEach((hit, i) => {
      promisedSame(hit, stored[0]?.hits[i])
    })
  return 'accepted'
}

async function openWith(judge: (world: CollectorWorld, input: Buffer) => Promise<Verdict>): Promise<OpenTarget> {
  const world = await collectorWorld()
  return { judge: (input) => judge(world, input), close: () => world.close() }
}

export const hitsBody: FuzzTarget = {
  name: 'hits-body',
  form: 'text',
  share: 4,
  examples,
  mutate: (draw, corpus) => mutateJson(draw, corpus, hitWords),
  open: () => openWith((world, input) => judgeHits(world, input, input, 'identity')),
}

export const hitsGzip: FuzzTarget = {
  name: 'hits-gzip',
  form: 'bytes',
  share: 2,
  examples: async () =>
    Object.fromEntries(Object.entries(await examples()).map(([name, body]) => [name, gzipSync(body)])),
  mutate: mutateGzip,
  open: () => openWith((world, input) => judgeHits(world, input, unpacked(input), 'gzip')),
}

/** Damaged as bytes; or unpacked, changed and packed again; or something strange that unpacks. */
export function mutateGzip(draw: Draw, corpus: readonly Buffer[]): Buffer {
  const input = draw.of(corpus)
  switch (draw.below(8)) {
    case 0:
    case 1:
    case 2:
      return mutateBytes(draw, input, draw.of(corpus))
    case 3:
      return Buffer.concat([input, draw.oneIn(2) ? draw.of(corpus) : Buffer.from(draw.source.bytes(draw.below(20)))])
    case 4:
      return draw.oneIn(20)
        ? gzipSync(Buffer.alloc(draw.of([bodyMaxBytes - 1, bodyMaxBytes, bodyMaxBytes + 1]), 0x20))
        : input
    default: {
      const plain = mutateJson(
        draw,
        corpus.map((each) => unpacked(each) ?? Buffer.alloc(0)),
        hitWords,
      )
      return gzipSync(plain, { level: draw.of([0, 1, 9]) })
    }
  }
}

function unpacked(packed: Buffer): Buffer | undefined {
  try {
    return gunzipSync(packed, { maxOutputLength: bodyMaxBytes })
  } catch {
    return undefined
  }
}
