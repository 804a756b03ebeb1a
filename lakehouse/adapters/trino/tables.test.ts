import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { TrinoQueryError, TrinoUnavailableError } from '../../../core/errors.ts'
import { dayMs } from '../../../core/event-time.ts'
import type { GenerationMap } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { tables } from '../../../schemas/tables.ts'
import { createTable, ensureTables, runRepeatable, statementMaxAttempts } from './tables.ts'
import { dailyView, hitsView, hourlyView, sessionsView } from './views.ts'

const place = { catalog: 'lake', schema: 'hitlake_tables', viewSchema: 'hitlake' }
const golden = (name: string) => readFileSync(new URL(`./golden/${name}.trino.sql`, import.meta.url), 'utf8')

describe('statements of the tables', () => {
  it('are these; a change here needs one to the tables that exist', async () => {
    const text = Object.values(tables).map((definition) => `${createTable(place, definition)};\n`)
    await expect(text.join('\n')).toMatchFileSnapshot('golden/tables.trino.sql')
  })

  it('quote every name, for some are words of SQL', () => {
    expect(golden('tables')).toContain('  "user" varchar')
  })
})

describe('statements of the views', () => {
  it('are these', async () => {
    const text = [hitsView, hourlyView, dailyView, sessionsView].map((view) => `${view(place)};\n`)
    await expect(text.join('\n')).toMatchFileSnapshot('golden/views.trino.sql')
  })

  it('are these where other generations answer in places', async () => {
    const day = Date.parse('2026-03-01T00:00:00Z')
    const generations: GenerationMap = {
      base: 1,
      entries: [
        { sink: 'hits', merchant: null, from: day, to: day + dayMs, generation: 2 },
        { sink: 'hourly', merchant: null, from: day, to: null, generation: 3 },
        { sink: 'hourly', merchant: "o'brien" as MerchantId, from: null, to: null, generation: 4 },
      ],
    }
    const shown = { erased: [], generations }
    const text = [hitsView, hourlyView, dailyView, sessionsView].map((view) => `${view(place, shown)};\n`)
    await expect(text.join('\n')).toMatchFileSnapshot('golden/views-of-generations.trino.sql')
  })
})

describe('making what is missing', () => {
  const failing = (errors: readonly Error[]) => {
    let tries = 0
    const query = async () => {
      const error = errors[tries++]
      if (error !== undefined) throw error
      return []
    }
    return { trino: { query }, tries: () => tries }
  }
  const taken = () => new TrinoQueryError('TABLE_ALREADY_EXISTS', 'USER_ERROR', 'q', '')
  const conflict = () => new TrinoQueryError('ICEBERG_CATALOG_ERROR', 'EXTERNAL', 'q', '')

  async function run(errors: readonly Error[]) {
    const clock = new ManualClock()
    const { trino, tries } = failing(errors)
    const done = runRepeatable({ trino, timers: clock }, 'CREATE …').then(
      () => 'made',
      (error) => error.code,
    )
    for (let n = 0; n < 100; n++) {
      await Promise.resolve()
      clock.advance(100)
    }
    return [await done, tries()]
  }

  it('goes on where another process was faster', async () => {
    expect(await run([taken(), conflict()])).toEqual(['made', 3])
  })

  it('gives up after its limit, and at once where Trino is away or the statement is wrong', async () => {
    const conflicts = Array.from({ length: statementMaxAttempts }, conflict)
    expect(await run(conflicts.slice(1))).toEqual(['made', statementMaxAttempts])
    expect(await run(conflicts)).toEqual(['TRINO_QUERY_FAILED', statementMaxAttempts])
    expect(await run([new TrinoUnavailableError('connection')])).toEqual(['TRINO_UNAVAILABLE', 1])
    expect(await run([new TrinoQueryError('SYNTAX_ERROR', 'USER_ERROR', 'q', '')])).toEqual(['TRINO_QUERY_FAILED', 1])
  })

  /** Tables that there are, each with its columns; `onCreate` may make some in between. */
  function catalogOf(has: Map<string, string[]>, onCreate: (name: string) => void = () => {}) {
    const said: string[] = []
    return {
      said,
      async query(sql: string) {
        const [, verb = '', , name = ''] = /^(\w+ \w+)( IF NOT EXISTS)? .*?"?(\w+)"?( \(| ADD|$)/m.exec(sql) ?? []
        said.push(sql.startsWith('SELECT') ? 'columns' : `${verb} ${name}`)
        if (sql.startsWith('SELECT'))
          return [...has].flatMap(([table, columns]) => columns.map((each) => [table, each]))
        if (verb === 'CREATE TABLE') {
          onCreate(name)
          if (has.has(name)) throw taken()
          has.set(name, columnsOf(name))
        }
        const [, added] = /ADD COLUMN IF NOT EXISTS "(\w+)"/.exec(sql) ?? []
        if (added !== undefined) has.get(name)?.push(added.toLowerCase())
        return []
      },
    }
  }
  const columnsOf = (name: string) =>
    (Object.values(tables).find((each) => each.name === name)?.columns ?? []).map((each) => each.name.toLowerCase())
  const all = () => new Map(Object.values(tables).map(({ name }) => [name as string, columnsOf(name)]))

  async function ensured(trino: ReturnType<typeof catalogOf>): Promise<readonly string[]> {
    const clock = new ManualClock()
    let isDone = false
    const done = ensureTables({ ...place, trino, timers: clock }).finally(() => {
      isDone = true
    })
    done.catch(() => {})
    for (let n = 0; n < 5_000 && !isDone; n++) {
      await Promise.resolve()
      clock.advance(100)
    }
    await done
    return trino.said.slice(2)
  }

  it('asks for columns and makes nothing where all is there', async () => {
    const trino = catalogOf(all())
    expect(await ensured(trino)).toEqual(['columns'])
    expect(trino.said).toEqual(['CREATE SCHEMA hitlake_tables', 'CREATE SCHEMA hitlake_tables_publications', 'columns'])
  })

  it('makes what is missing, and adds columns to tables that were made before these were there', async () => {
    const has = all()
    has.delete('daily')
    has.set(
      'hourly',
      columnsOf('hourly').filter((name) => name !== 'load'),
    )
    expect(await ensured(catalogOf(has))).toEqual(['columns', 'CREATE TABLE daily', 'ALTER TABLE hourly'])
    expect(has.get('hourly')?.sort()).toEqual(columnsOf('hourly').sort())
  })

  it('looks again where another process made one meanwhile, which may be of an older version', async () => {
    const has = all()
    has.delete('hits')
    const older = columnsOf('hits').filter((name) => name !== 'props')
    const said = await ensured(catalogOf(has, (name) => has.set(name, [...older])))
    expect(said).toEqual(['columns', 'CREATE TABLE hits', 'columns', 'ALTER TABLE hits'])
    expect(has.get('hits')?.sort()).toEqual(columnsOf('hits').sort())
  })

  it('gives up where a table is there and never has columns', async () => {
    const has = all()
    has.set('hits', [])
    const trino = catalogOf(has)
    await expect(ensured(trino)).rejects.toMatchObject({ code: 'TRINO_QUERY_FAILED' })
    expect(trino.said.filter((each) => each === 'CREATE TABLE hits')).toHaveLength(statementMaxAttempts)
  })
})
