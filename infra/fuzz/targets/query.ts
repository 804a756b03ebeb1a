/**
 * Bodies of `POST /v1/query`. Promise: an answer, the same when it is asked again, whose rows fit the question and whose
 * next page can be asked for; or a refusal with its code. Engines answer alike (question-world.ts).
 */
import type { Draw } from '../../sim/random.ts'
import { promisedProblem } from '../collector-world.ts'
import { mutateJson } from '../mutate-json.ts'
import { dimensions, metrics, openQuestions, questionWords, ranges, texts, zones } from '../question-words.ts'
import { adminKey, type QuestionWorld, readKey } from '../question-world.ts'
import { type FuzzTarget, promised, type Verdict } from '../target.ts'

interface QueryAnswer {
  readonly results: readonly { readonly dimensions: readonly unknown[]; readonly metrics: readonly unknown[] }[]
  readonly meta: { readonly nextCursor?: string; readonly servedFrom?: unknown }
}

interface Asked {
  readonly dimensions?: readonly unknown[]
  readonly limit?: number
}

async function judgeQuery({ app, thrown }: QuestionWorld, input: Buffer): Promise<Verdict> {
  const key = input.includes('"merchant"') ? adminKey : readKey
  const ask = async (payload: Buffer | string, format: string) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
    const reply = await app.inject({ method: 'POST', url: `/v1/query${format}`, headers, payload })
    return { status: reply.statusCode, text: reply.payload }
  }
  const first = await ask(input, '')
  if (first.status !== 200) {
    if (first.status === 500) throw thrown()
    promisedProblem(first.status, JSON.parse(first.text))
    return 'refused'
  }
  const answer = JSON.parse(first.text) as QueryAnswer
  const asked = JSON.parse(input.toString('utf8')) as Asked
  for (const row of answer.results) {
    promised(
      row.dimensions.length === (asked.dimensions ?? []).length,
      () => `a row of ${row.dimensions.length} dimensions`,
    )
  }
  const again = JSON.parse((await ask(input, '')).text) as QueryAnswer
  promised(
    JSON.stringify(again.results) === JSON.stringify(answer.results),
    () => 'an answer is another when it is asked again',
  )
  const csv = await ask(input, '?format=csv')
  promised(csv.status === 200, () => `as CSV it is ${csv.status}: ${csv.text.slice(0, 300)}`)
  if (answer.meta.nextCursor !== undefined) {
    const next = await ask(JSON.stringify({ ...asked, cursor: answer.meta.nextCursor }), '')
    promised(next.status === 200, () => `the next page is ${next.status}: ${next.text.slice(0, 300)}`)
  }
  return 'accepted'
}

export const query: FuzzTarget = {
  name: 'query',
  form: 'text',
  share: 6,
  examples: async () => {
    const bodies = {
      plain: { metrics: ['visitors', 'hits'], dateRange: '7d' },
      hours: {
        metrics: ['hits', 'revenue'],
        dateRange: '24h',
        dimensions: ['time:hour', 'page'],
        timeZone: 'Europe/Berlin',
      },
      filtered: {
        metrics: ['pageviews', 'sessions', 'bounce_rate'],
        dateRange: ['2026-03-27', '2026-03-31'],
        dimensions: ['source'],
        filters: [
          ['is_not', 'page', ['/a', null]],
          ['not', ['contains', 'source', ['%']]],
        ],
      },
      raw: {
        metrics: ['hits', 'orders', 'load_p95'],
        dateRange: ['2026-03-26', '2026-03-31'],
        dimensions: ['props.size', 'os'],
        filters: [
          [
            'or',
            [
              ['is', 'bot', ['true', 'false']],
              ['contains_not', 'medium', ["'"]],
            ],
          ],
        ],
        orderBy: [
          ['hits', 'desc'],
          ['os', 'asc'],
        ],
        limit: 3,
      },
      compared: {
        metrics: ['visitors'],
        dateRange: 'month',
        compare: 'previous_period',
        dimensions: ['time:day'],
        merchant: 'far',
        timeZone: 'Asia/Kolkata',
      },
      page: { metrics: ['hits'], dateRange: '7d', dimensions: ['page'], limit: 2 },
    }
    return Object.fromEntries(Object.entries(bodies).map(([name, body]) => [name, Buffer.from(JSON.stringify(body))]))
  },
  mutate(draw, corpus) {
    const kind = draw.below(3)
    if (kind === 0) return drawnQuery(draw)
    return mutateJson(draw, kind === 1 ? [drawnQuery(draw)] : corpus, questionWords)
  },
  open: () => openQuestions(judgeQuery),
}

/** A question that is right, most of the time: what mutations of a few examples do not come to. */
function drawnQuery(draw: Draw): Buffer {
  const some = (all: readonly string[], most: number) => [
    ...new Set(Array.from({ length: draw.between(1, most) }, () => draw.of(all))),
  ]
  const dimensionsAsked = draw.oneIn(4) ? [] : some(dimensions, 3)
  const metricsAsked = some(metrics, 4)
  const days = [draw.between(20, 31), draw.between(20, 31)].sort().map((day) => `2026-03-${day}`)
  const leaf = () => [
    draw.of(['is', 'is_not', 'contains', 'contains_not']),
    draw.of(dimensions.filter((name) => !name.startsWith('time:'))),
    some([...texts, 'true', 'DE', '12.5'], 3),
  ]
  const filter = draw.of([leaf(), ['not', leaf()], [draw.of(['and', 'or']), [leaf(), ['not', leaf()]]]])
  return Buffer.from(
    JSON.stringify({
      metrics: metricsAsked,
      dateRange: draw.oneIn(3) ? draw.of(ranges.slice(0, 6)) : days,
      ...(dimensionsAsked.length > 0 && { dimensions: dimensionsAsked }),
      ...(draw.oneIn(2) && { filters: [filter] }),
      ...(draw.oneIn(2) && { timeZone: draw.of(zones.slice(0, 5)) }),
      ...(draw.oneIn(3) && { limit: draw.between(1, 5) }),
      ...(draw.oneIn(3) && { orderBy: [[draw.of([...metricsAsked, ...dimensionsAsked]), draw.of(['asc', 'desc'])]] }),
      ...(draw.oneIn(4) && { compare: draw.of(['previous_period', 'previous_year', days]) }),
    }),
  )
}
