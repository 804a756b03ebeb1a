import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { meetsGoal } from './goals.ts'
import { circumstances, commitOf, type Figure, type Measured, readRecord, writeRecord } from './record.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hitlake-record-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const figure: Figure = { name: 'tea', value: 0.5, unit: 'ratio', goal: { at: 'least', value: 0.4 }, spread: [0.4, 0.6] }
const measured: Measured = { suite: 'tea-time', title: 'Tea', command: 'npm run tea', figures: [figure] }

describe('a record of a measurement', () => {
  it('is read as it was written, with machine, commit, date and load', () => {
    const taken = circumstances()
    const path = writeRecord({ ...measured, remarks: ['it was warm'] }, taken, folder)
    expect(path).toBe(join(folder, 'tea-time.json'))
    expect(readRecord('tea-time', folder)).toEqual({ ...measured, ...taken, remarks: ['it was warm'] })
    expect(taken.machine).toEqual({
      cpu: expect.stringMatching(/./),
      cores: expect.any(Number),
      memoryGiB: expect.any(Number),
      node: process.version,
      os: expect.stringMatching(/./),
    })
    expect(taken.date).toBe(new Date(taken.date).toISOString())
    expect(readFileSync(path, 'utf8')).toMatch(/\}\n$/)
  })

  it('takes the place of the last one of its suite', () => {
    writeRecord(measured, circumstances(), folder)
    writeRecord({ ...measured, figures: [{ ...figure, value: 0.55 }] }, circumstances(), folder)
    expect(readRecord('tea-time', folder)?.figures).toEqual([{ ...figure, value: 0.55 }])
    expect(readRecord('coffee-time', folder)).toBeUndefined()
  })

  it.each<[string, Partial<Measured>]>([
    ['a name that leads elsewhere', { suite: '../tea' }],
    ['no figures', { figures: [] }],
    ['two figures of one name', { figures: [figure, figure] }],
    ['a value that is no number', { figures: [{ ...figure, value: Number.NaN }] }],
    ['a spread the wrong way round', { figures: [{ ...figure, spread: [0.6, 0.4] }] }],
  ])('is refused with %s', (_, part) => {
    expect(() => writeRecord({ ...measured, ...part }, circumstances(), folder)).toThrow(/cannot be kept/)
  })
})

describe('the commit of a record', () => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      cwd: folder,
      stdio: 'pipe',
    })

  it('says where files differed from it, but for what measuring itself writes', () => {
    git('init', '-q')
    mkdirSync(join(folder, 'bench', 'results'), { recursive: true })
    writeFileSync(join(folder, 'code.ts'), 'one')
    git('add', '.')
    git('commit', '-q', '-m', 'one')
    writeFileSync(join(folder, 'bench', 'results', 'tea.json'), '{}')
    expect(commitOf(folder)).toMatch(/^[0-9a-f]{40}$/)
    writeFileSync(join(folder, 'code.ts'), 'two')
    expect(commitOf(folder)).toMatch(/^[0-9a-f]{40}-dirty$/)
  })

  it('is unknown outside a repository', () => {
    expect(commitOf(folder)).toBe('unknown')
  })
})

describe('a goal', () => {
  it.each([
    ['least', 0.5, true],
    ['least', 0.49, false],
    ['most', 0.5, true],
    ['most', 0.51, false],
  ] as const)('at %s 0.5 is met at the limit: %d → %s', (at, value, met) => {
    expect(meetsGoal({ value, goal: { at, value: 0.5 } })).toBe(met)
  })

  it('that nobody has set is neither met nor missed', () => {
    expect(meetsGoal({ value: 1 })).toBeNull()
  })
})
