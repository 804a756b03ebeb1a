/**
 * What a measurement leaves behind: one file `bench/results/<suite>.json`, checked in, that says what was measured, where,
 * of which commit, when, and how busy the machine was. The page docs/reference/performance.md is made of these files.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { performancePage } from './page.ts'

/** The least, or the most, that a figure may be to meet its goal; in the figure's unit. */
export interface FigureGoal {
  readonly at: 'least' | 'most'
  readonly value: number
}

export interface Figure {
  /** Unique within its record. */
  readonly name: string
  /** Of several rounds the median, unless the note says otherwise. */
  readonly value: number
  /** `ratio`, `ms`, `s`, `hits/s`, `MB`, `bytes`, … */
  readonly unit: string
  readonly goal?: FigureGoal
  /** The issue that states the goal. */
  readonly issue?: number
  /** What it is compared with, in the same run. */
  readonly control?: string
  /** The least and the largest of all rounds. */
  readonly spread?: readonly [number, number]
  /** Of a ratio: what both sides did by themselves, medians. They say something of this machine at this moment only. */
  readonly rates?: { readonly ours: number; readonly control: number; readonly unit: string }
  readonly note?: string
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly node: string
  readonly os: string
}

/** Where and when a measurement took place. */
export interface Circumstances {
  readonly machine: Machine
  /** `<sha>`; `<sha>-dirty` where files differed from it; `unknown` outside a repository. */
  readonly commit: string
  /** When it began, ISO 8601 in UTC; of old figures perhaps the day only. */
  readonly date: string
  /** Load average of the minute before it began; null where nobody wrote it down. */
  readonly loadBefore: number | null
}

export interface MeasurementRecord extends Circumstances {
  /** The file's name without `.json`: lower-case words and digits joined by hyphens. */
  readonly suite: string
  readonly title: string
  /** What to type to measure it again. */
  readonly command: string
  readonly figures: readonly Figure[]
  /** What is honest to say about all of it, a paragraph each. */
  readonly remarks?: readonly string[]
  /** Measured in less time than the command takes by default: good enough to compare ratios, not to say a goal is met. */
  readonly quick?: true
}

/** What a bench says itself; the rest is gathered by `circumstances`. */
export type Measured = Omit<MeasurementRecord, keyof Circumstances>

const root = rootOf(dirname(fileURLToPath(import.meta.url)))
export const resultsFolder = join(root, 'bench', 'results')
/** What is made of them. */
export const pagePath = join(root, 'docs', 'reference', 'performance.md')

/** What measuring itself writes: it does not make the code another. */
const madeByMeasuring = ['bench/results', 'docs/reference/performance.md']

/** To be taken before the measurement begins, because the measurement itself makes load. */
export function circumstances(): Circumstances {
  return {
    machine: machine(),
    commit: commitOf(root),
    date: new Date().toISOString(),
    loadBefore: Math.round((loadavg()[0] ?? Number.NaN) * 10) / 10,
  }
}

/**
 * Writes the record over the suite's last one, makes the page anew, and returns the file's path. Throws where the record is not of the form: a
 * name that cannot be a file's, no figures, two figures of one name, a value or a spread that is no finite number.
 */
export function writeRecord(measured: Measured, taken: Circumstances, folder = resultsFolder): string {
  const problem = problemOf(measured)
  if (problem !== null) throw new Error(`the record of ${measured.suite} cannot be kept: ${problem}`)
  const { suite, title, command, figures, remarks, quick } = measured
  const { machine, commit, date, loadBefore } = taken
  const record: MeasurementRecord = {
    ...{ suite, title, command, machine, commit, date, loadBefore },
    ...(quick && { quick }),
    figures,
    ...(remarks !== undefined && remarks.length > 0 && { remarks }),
  }
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${suite}.json`)
  writeFileSync(path, `${JSON.stringify(record, null, 2)}\n`)
  if (folder === resultsFolder) writePage()
  return path
}

/** Makes the page of all records anew. */
export function writePage(): void {
  writeFileSync(pagePath, performancePage(readRecords()))
}

/** All records of a folder, by suite. */
export function readRecords(folder = resultsFolder): readonly MeasurementRecord[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return names.sort().map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as MeasurementRecord)
}

/** The suite's last record; undefined where there is none. */
export function readRecord(suite: string, folder = resultsFolder): MeasurementRecord | undefined {
  const path = join(folder, `${suite}.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as MeasurementRecord) : undefined
}

/** What keeps a record from being one, in words; null where nothing does. */
export function problemOf(measured: Measured): string | null {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(measured.suite))
    return 'the suite is named in lower-case words joined by hyphens'
  if (measured.figures.length === 0) return 'it has no figures'
  const names = new Set<string>()
  for (const { name, value, spread } of measured.figures) {
    if (names.has(name)) return `two figures are called '${name}'`
    names.add(name)
    if (!Number.isFinite(value)) return `'${name}' is ${value}`
    if (spread === undefined) continue
    if (!spread.every(Number.isFinite) || spread[0] > spread[1])
      return `the spread of '${name}' is ${spread.join(' to ')}`
  }
  return null
}

function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    os: osName(),
  }
}

function osName(): string {
  const file = '/etc/os-release'
  const named = existsSync(file) && /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync(file, 'utf8'))?.[1]
  return named || `${process.platform} ${release()}`
}

/** The commit checked out in a folder's repository, marked where tracked or new files differ from it. */
export function commitOf(folder: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const sha = git('rev-parse', 'HEAD')
    const changes = git('status', '--porcelain', '--', '.', ...madeByMeasuring.map((path) => `:!${path}`))
    return changes === '' ? sha : `${sha}-dirty`
  } catch {
    return 'unknown'
  }
}

/** Above `bench/`, and above `dist/bench/`, the folder that holds package.json. */
function rootOf(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('bench/record.ts lies in no project')
  return rootOf(parent)
}
