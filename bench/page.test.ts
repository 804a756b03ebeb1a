import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { goals } from './goals.ts'
import { performancePage } from './page.ts'
import { circumstances, type MeasurementRecord, pagePath, problemOf, readRecords, resultsFolder } from './record.ts'

const taken = {
  ...circumstances(),
  commit: `${'a'.repeat(40)}-dirty`,
  date: '2026-11-21T10:20:30.000Z',
  loadBefore: 1.5,
}
const [goal] = goals
if (goal === undefined) throw new Error('there are no goals')
const [suite = '', name = ''] = goal.figures[0]?.split(/: (.*)/) ?? []
const recordOf = (figure: Partial<MeasurementRecord['figures'][number]>, rest: Partial<MeasurementRecord> = {}) => ({
  ...{ suite, title: 'Tea', command: 'npm run tea', ...taken, ...rest },
  figures: [{ name, value: 0.7, unit: 'ratio', ...figure }],
})
const rowOf = (page: string, part: string) => page.split('\n').find((line) => line.includes(part)) ?? ''

describe('the page of figures', () => {
  it('is what the records make it: run `node infra/build/write-performance.mjs`', () => {
    expect(readFileSync(pagePath, 'utf8')).toBe(performancePage(readRecords()))
  })

  it('names every goal, measured or not', () => {
    const [real, empty] = [performancePage(readRecords()), performancePage([])]
    for (const { name, issue } of goals) {
      expect(real).toContain(`| ${issue ?? 'own'} | ${name} | `)
      expect(rowOf(empty, `| ${name} | `)).toContain('**not measured**')
    }
  })

  it('holds every figure and remark of every record', () => {
    const page = performancePage(readRecords())
    for (const { figures, remarks = [], command } of readRecords()) {
      expect(page).toContain(command)
      for (const figure of figures) expect(page).toContain(`| ${figure.name} | `)
      for (const remark of remarks) expect(page).toContain(remark)
    }
  })

  it('says of a goal whether it is met, from which command, where, when, of what and how busy the machine was', () => {
    const page = performancePage([recordOf({})])
    expect(rowOf(page, `| ${goal.name} | `)).toBe(
      `| 3 | ${goal.name} | at least 0.6 | 0.7 |  | met | [collector](#tea-collector) |`,
    )
    expect(page).toContain('## Tea (collector)')
    expect(rowOf(page, 'npm run tea')).toContain(
      '`npm run tea`; 2026-11-21 10:20 UTC; commit `aaaaaaa`, files changed; load average 1.5 before; ',
    )
  })

  it.each([
    ['missed', { value: 0.5 }, {}, '**missed** |'],
    ['uncertain, where the spread lies on both sides of it', { spread: [0.5, 0.8] as const }, {}, 'met, not certain |'],
    ['measured quickly', {}, { quick: true } as const, 'met, in a quick run |'],
  ])('says of a goal that it is %s', (_, figure, rest, words) => {
    expect(rowOf(performancePage([recordOf(figure, rest)]), `| ${goal.name} | `)).toContain(words)
  })

  it('lets the first figure of a goal decide and shows the others beneath', () => {
    const many = goals.find(({ figures }) => figures.length > 1)
    const records = (many?.figures ?? []).map((named, n) => {
      const [suite = '', name = ''] = named.split(/: (.*)/)
      return { ...recordOf({ name, value: n }), suite, title: suite }
    })
    const rows = performancePage(records).split('\n')
    const at = rows.findIndex((row) => row.includes(`| ${many?.name} | `))
    expect(rows.slice(at + 1, at + records.length).every((row) => row.startsWith('|  | also | '))).toBe(true)
  })

  it('takes up goals that only a record knows', () => {
    const own = recordOf(
      { name: 'sugar', value: 3, unit: 'lumps', goal: { at: 'most', value: 2 }, issue: 9 },
      { suite: 'tea-time' },
    )
    expect(rowOf(performancePage([own]), '| tea-time: sugar |')).toContain(
      '| at most 2 lumps | 3 lumps |  | **missed** |',
    )
  })
})

describe('records that are checked in', () => {
  it.each(readRecords().map((record) => [record.suite, record] as const))('%s is of the form', (_, record) => {
    expect(problemOf(record)).toBeNull()
    expect(record.machine.cores).toBeGreaterThan(0)
    expect(record.date).toMatch(/^\d{4}-\d\d-\d\d/)
  })

  it('lie in files of their names', () => {
    const files = readdirSync(resultsFolder).map((file) => file.replace(/\.json$/, ''))
    expect(files.sort()).toEqual(
      readRecords()
        .map(({ suite }) => suite)
        .sort(),
    )
  })
})
