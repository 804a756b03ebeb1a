import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import Bowser from 'bowser'
import { isbot } from 'isbot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, eventually, type Life, readKeys, runCommand, start, temporaryFolder } from './support/server.ts'

// 10,000 lines of a public web site's log, 84 hours of May 2015, brought in by `hitlake import`.
const file = fileURLToPath(new URL('../../../shared/data/access-log.gz', import.meta.url))

interface Recount {
  readonly hours: Map<string, number>
  readonly visitors: Map<string, number>
  readonly pages: Map<string | null, number>
  readonly sources: Map<string | null, number>
  readonly browsers: Map<string | null, number>
  readonly bots: number
  readonly lines: number
}

/** A recount that shares nothing with the importer or the pipeline: cuts each line at its brackets and quotes. */
function recountFile(): Recount {
  const hours = new Map<string, number>()
  const people = new Map<string, Set<string>>()
  const pages = new Map<string | null, number>()
  const sources = new Map<string | null, number>()
  const browsers = new Map<string | null, number>()
  let bots = 0
  let lines = 0
  const add = (to: Map<string | null, number>, key: string | null) => to.set(key, (to.get(key) ?? 0) + 1)
  for (const line of gunzipSync(readFileSync(file)).toString().split('\n')) {
    if (line === '' || !line.endsWith('"')) continue
    lines++
    const [day, month, rest] = line.slice(line.indexOf('[') + 1, line.indexOf(']')).split('/')
    expect(month).toBe('May')
    const hour = `2015-05-${day}T${rest?.slice(5, 7)}:00:00+00:00`
    const agent = line.slice(line.lastIndexOf(' "') + 2, -1)
    if (isbot(agent)) {
      bots++
      continue
    }
    add(hours as Map<string | null, number>, hour)
    const who = people.get(hour) ?? new Set()
    people.set(hour, who.add(`${line.split(' ')[0]} ${agent}`))
    const [, request = '', , referrer = ''] = line.split('"')
    add(pages, pageOf(request.split(' ')[1] ?? ''))
    add(sources, sourceOf(referrer))
    add(browsers, browserOf(agent))
  }
  const visitors = new Map([...people].map(([hour, who]) => [hour, who.size]))
  return { hours, visitors, pages, sources, browsers, bots, lines }
}

/** What bowser calls it; a whole user agent, or the word that all of them begin with, is no name. */
function browserOf(agent: string): string | null {
  const name = Bowser.parse(agent).browser.name ?? ''
  return name === '' || name === 'Mozilla' || name.includes('/') ? null : name
}

function pageOf(path: string): string {
  const plain = new URL(`http://site.example${path}`).pathname.replaceAll(/\/+/g, '/')
  return plain === '/' ? plain : plain.replace(/\/$/, '')
}

/** The names of those that this log knows; everybody else is called by its host. */
const known: readonly (readonly [host: RegExp, name: string])[] = [
  [/(^|\.)google\.[a-z]{2,3}(\.[a-z]{2})?$/, 'google'],
  [/(^|\.)bing\.com$/, 'bing'],
  [/(^|\.)duckduckgo\.com$/, 'duckduckgo'],
  [/(^|\.)baidu\.com$/, 'baidu'],
  [/(^|\.)yandex\.ru$/, 'yandex'],
  [/(^|\.)daum\.net$/, 'daum'],
  [/^t\.co$/, 'x'],
]

function sourceOf(referrer: string): string {
  const host = /^[a-z-]+:\/\/\\*([^/\\:?#]+)/i
    .exec(referrer)?.[1]
    ?.toLowerCase()
    .replace(/^www\./, '')
  if (host === undefined) return '(direct)'
  return known.find(([pattern]) => pattern.test(host))?.[1] ?? host
}

describe('a real access log', () => {
  const folder = temporaryFolder()
  const expected = recountFile()
  let life: Life

  beforeAll(async () => {
    expect(existsSync(file)).toBe(true)
    life = await start(folder.path)
  })
  afterAll(async () => {
    await life?.end('SIGKILL')
    folder.remove()
  })

  interface Report {
    readonly accepted: number
    readonly doneBefore: number
    readonly refused: readonly unknown[]
    readonly unreadable: readonly { readonly line: number; readonly reason: string }[]
  }

  const importing = () =>
    runCommand(['import', '--access-log', file, '--json'], { HITLAKE_URL: life.url, HITLAKE_DATA_DIR: folder.path })
  async function importFile(): Promise<Report> {
    const { code, stdout, stderr } = await importing().ended
    expect(code, stderr).toBe(0)
    return JSON.parse(stdout)
  }

  async function check(): Promise<void> {
    const { adminKey } = readKeys(folder.path)
    const since = Date.now()
    type Series = {
      buckets: { start: string; hits: number; pageviews: number; visitors: number }[]
      meta: { asOf: string }
    }
    const url = `${life.url}/v1/merchants/access-log/timeseries?interval=hour&metrics=hits,pageviews,visitors&from=2015-05-17&to=2015-05-20`
    const { body } = await eventually(
      () => call<Series>(url, { key: adminKey }),
      (reply) => reply.status === 200 && Date.parse(reply.body.meta.asOf) > since,
    )
    const found = body.buckets.filter(({ hits }) => hits > 0)
    expect(found).toHaveLength(84)
    expect(new Map(found.map(({ start, hits }) => [start, hits]))).toEqual(expected.hours)
    expect(new Map(found.map(({ start, pageviews }) => [start, pageviews]))).toEqual(expected.hours)
    expect(new Map(found.map(({ start, visitors }) => [start, visitors]))).toEqual(expected.visitors)
    const by = async (dimension: string): Promise<Map<string | null, number>> => {
      type Answer = { results: { dimensions: [string | null]; metrics: [number] }[] }
      const question = { merchant: 'access-log', metrics: ['hits'], dateRange: ['2015-05-17', '2015-05-20'] }
      const { body } = await call<Answer>(`${life.url}/v1/query`, {
        key: adminKey,
        body: { ...question, dimensions: [dimension], limit: 10_000 },
      })
      return new Map(body.results.map(({ dimensions: [value], metrics: [hits] }) => [value, hits]))
    }
    expect(await by('time:hour')).toEqual(expected.hours)
    expect(await by('page')).toEqual(expected.pages)
    expect(await by('source')).toEqual(expected.sources)
    expect(await by('browser')).toEqual(expected.browsers)
    expect(await by('bot')).toEqual(
      new Map([
        ['true', expected.bots],
        ['false', expected.lines - expected.bots],
      ]),
    )
    const books = await call<Record<string, unknown>>(`${life.url}/v1/admin/books?merchant=access-log`, {
      key: adminKey,
    })
    expect(books.body).toMatchObject({ stored: 9_999, failed: 0, inFlight: 0, balanced: true })
  }

  it('has 9,999 lines that can be read, 3,009 of them from bots, in the recount', () => {
    expect(expected.lines).toBe(9_999)
    expect(expected.bots).toBe(3_009)
    expect([...expected.hours.values()].reduce((sum, hits) => sum + hits, 0)).toBe(9_999 - 3_009)
  })

  it('is stored whole although the command is killed in the middle, and then the server, which comes back', async () => {
    const { adminKey } = readKeys(folder.path)
    const accepted = (least: number) =>
      eventually(
        () => call<{ accepted: number }>(`${life.url}/v1/admin/books?merchant=access-log`, { key: adminKey }),
        ({ body }) => body.accepted >= least,
      )
    const first = importing()
    await accepted(1_000)
    first.kill()
    await first.ended
    const port = new URL(life.url).port
    const second = importFile()
    await accepted(5_000)
    await life.end('SIGKILL')
    life = await start(folder.path, { HITLAKE_PORT: port })
    const report = await second
    expect(report.doneBefore).toBeGreaterThanOrEqual(1_000)
    expect(report.refused).toEqual([])
    expect(report.unreadable).toMatchObject([{ line: 8_899, reason: 'not in combined format' }])
    await check()
  })

  it('counts once when the whole file is imported again', async () => {
    expect(await importFile()).toMatchObject({ accepted: 0, doneBefore: 10_000, refused: [] })
    await check()
  })

  it('counts once under another name and unpacked', async () => {
    const unpacked = join(folder.path, 'access.log')
    writeFileSync(unpacked, gunzipSync(readFileSync(file)))
    const { ended } = runCommand(['import', '--access-log', unpacked], {
      HITLAKE_URL: life.url,
      HITLAKE_DATA_DIR: folder.path,
    })
    expect((await ended).stdout).toContain('0 of 10,000 lines stored for access-log; 10,000 lines were done before')
    await check()
  })

  it('is the same after a stop and a start, read from the published tables', async () => {
    expect((await life.end('SIGINT')).code).toBe(0)
    life = await start(folder.path)
    await check()
  })
})
