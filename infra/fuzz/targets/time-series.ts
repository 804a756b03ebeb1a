/**
 * Query strings of `GET …/timeseries`. Promise: a series, the same when it is asked for again, or a refusal with its code.
 * Engines answer alike (question-world.ts).
 */
import type { Draw } from '../../sim/random.ts'
import { promisedProblem } from '../collector-world.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { mutateJson } from '../mutate-json.ts'
import { dates, filters, metrics, openQuestions, questionWords, zones } from '../question-words.ts'
import { type QuestionWorld, readKey, shopOfQuestions } from '../question-world.ts'
import { type FuzzTarget, promised, type Verdict } from '../target.ts'

async function judgeSeries({ app, thrown }: QuestionWorld, input: Buffer): Promise<Verdict> {
  // What cannot stand in a request line is written as its clients write it.
  const search = input
    .toString('latin1')
    .replace(/[^!-~]|#/g, (letter) => `%${letter.charCodeAt(0).toString(16).padStart(2, '0')}`)
  const url = `/v1/merchants/${shopOfQuestions}/timeseries?${search}`
  const ask = () => app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${readKey}` } })
  const first = await ask()
  if (first.statusCode !== 200) {
    if (first.statusCode === 500) throw thrown()
    promisedProblem(first.statusCode, JSON.parse(first.payload))
    return 'refused'
  }
  const again = await ask()
  promised(again.statusCode === 200, () => `asked again it is ${again.statusCode}`)
  if (!String(first.headers['content-type']).startsWith('application/json')) return 'accepted'
  const bucketsOf = (text: string) => JSON.stringify((JSON.parse(text) as { readonly buckets: unknown }).buckets)
  promised(bucketsOf(first.payload) === bucketsOf(again.payload), () => 'a series is another when it is asked again')
  return 'accepted'
}

const names = ['metrics', 'from', 'to', 'interval', 'timeZone', 'filter', 'format']
const values: Readonly<Record<string, readonly string[]>> = {
  metrics: [...metrics, 'hits,visitors', 'hits,,hits', metrics.join(',')],
  from: [...dates, 'now', '-7d', '7d', '2026-03'],
  to: [...dates, 'now'],
  interval: ['hour', 'day', 'week', 'month', 'minute', 'Hour'],
  timeZone: zones,
  filter: filters,
  format: ['json', 'csv', 'ndjson', 'arrow', 'xml'],
}

function mutateSearch(draw: Draw, corpus: readonly Buffer[]): Buffer {
  const input = draw.of(corpus)
  if (draw.oneIn(6)) return mutateBytes(draw, input, draw.of(corpus))
  const pairs = input
    .toString('latin1')
    .split('&')
    .map((pair): [string, string] => {
      const cut = pair.indexOf('=')
      return cut < 0 ? [pair, ''] : [pair.slice(0, cut), pair.slice(cut + 1)]
    })
  for (let left = draw.between(1, 4); left > 0; left--) {
    const which = draw.below(pairs.length + 1)
    const pair = pairs[which]
    const name = draw.of(names)
    const value = draw.of(values[name] ?? [''])
    if (pair === undefined || draw.oneIn(4)) pairs.splice(which, 0, [name, encodeURIComponent(value)])
    else if (draw.oneIn(6)) pairs.splice(which, 1)
    else if (pair[0] === 'filter' && draw.oneIn(2)) {
      const filter = mutateJson(
        draw,
        [...filters, decoded(pair[1])].map((text) => Buffer.from(text)),
        questionWords,
      )
      pair[1] = encodeURIComponent(filter.toString('latin1')).slice(0, 20_000)
    } else if (draw.oneIn(5))
      pair[draw.below(2)] += draw.of(['%', '%zz', '%00', '+', '=', '[]', '%F0%9F%98%80', '%ED%A0%80', '"', '\\'])
    else pair[1] = encodeURIComponent(draw.of(values[pair[0]] ?? ['', '1']))
  }
  return Buffer.from(pairs.map(([name, value]) => `${name}=${value}`).join('&'), 'latin1')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const timeSeries: FuzzTarget = {
  name: 'timeseries',
  form: 'text',
  share: 4,
  examples: async () => {
    const searches = {
      plain: 'interval=hour',
      days: 'from=2026-03-27&to=2026-03-31&interval=day&metrics=hits,visitors,revenue,sessions',
      zone: 'interval=hour&timeZone=Asia%2FKolkata&from=2026-03-29T00%3A00%3A00Z&to=2026-03-30T00%3A00%3A00Z',
      filtered: `metrics=orders&interval=day&filter=${encodeURIComponent('["contains","page",["/"]]')}&filter=${encodeURIComponent('["is","os",[null]]')}`,
      csv: 'interval=week&format=csv&metrics=load_p50',
    }
    return Object.fromEntries(Object.entries(searches).map(([name, search]) => [name, Buffer.from(search)]))
  },
  mutate: mutateSearch,
  open: () => openQuestions(judgeSeries),
}
