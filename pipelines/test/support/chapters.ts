/**
 * Chapters of the tutorial as programs. A page's blocks of TypeScript, one after the other, are one module named as the page;
 * a block whose fence names a file (`ts searches.ts`) is part of that file, which all chapters share; one marked
 * `ts refused` must not compile. A block of text or a chart right behind is what it prints, or what the compiler says.
 *
 * A module has its code on the lines that the page has it on, so that an error's line is the page's.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface Block {
  /** `run`: the page's own; `file`: of the file that it names; `refused`: for the compiler only. */
  readonly kind: 'run' | 'file' | 'refused'
  /** Of a `file`, with its ending. */
  readonly file: string | null
  readonly code: string
  /** What the page shows as printed, or as said by the compiler; null where it shows nothing. */
  readonly shown: string | null
  /** Of its first line of code in the page, from 0. */
  readonly line: number
}

export interface Chapter {
  /** Of the page, without its ending. */
  readonly name: string
  readonly blocks: readonly Block[]
}

/** What a module prints where a block of its page ends. */
export const blockEnd = '\u0000 end of block'
const blockEndCode = `;console.log(${JSON.stringify(blockEnd)})`

/** Chapters of a folder, in order of their pages' names, which begin with a number. */
export function readChapters(folder: string): readonly Chapter[] {
  return readdirSync(folder)
    .filter((name) => /^\d+-.*\.md$/.test(name))
    .sort()
    .map((name) => parseChapter(basename(name, '.md'), readFileSync(join(folder, name), 'utf8')))
}

/** @throws Error naming the line of a block that is of no known kind, or never ends */
export function parseChapter(name: string, page: string): Chapter {
  const lines = page.split('\n')
  const blocks: Block[] = []
  let isBehindCode = false
  for (let at = 0; at < lines.length; at++) {
    const text = lines[at] as string
    const fence = /^```(\S+) ?(.*)$/.exec(text)
    if (fence === null) {
      if (text.trim() !== '') isBehindCode = false
      continue
    }
    const length = lines.slice(at + 1).indexOf('```')
    if (length < 0) throw new Error(`${name}.md:${at + 1}: a block that never ends`)
    const code = lines.slice(at + 1, at + 1 + length).join('\n')
    const [, language, info = ''] = fence
    if (language === 'ts') blocks.push({ ...kindOf(info), code, shown: null, line: at + 1 })
    else if (isBehindCode) blocks.push({ ...(blocks.pop() as Block), shown: code })
    isBehindCode = language === 'ts'
    at += length + 1
  }
  return { name, blocks }
}

function kindOf(info: string): Pick<Block, 'kind' | 'file'> {
  if (info === '') return { kind: 'run', file: null }
  if (info === 'refused') return { kind: 'refused', file: null }
  if (/^[a-z-]+\.ts$/.test(info)) return { kind: 'file', file: info }
  throw new Error(`a block of TypeScript is marked '${info}'; none, 'refused' or the name of a file`)
}

/** A module that must not compile. */
export interface RefusedModule {
  readonly path: string
  readonly chapter: string
  readonly block: Block
}

export interface WrittenChapters {
  /** By chapter. */
  readonly modules: ReadonlyMap<string, string>
  readonly files: readonly string[]
  readonly refused: readonly RefusedModule[]
}

/** Writes the chapters' modules into a folder that stands as deep in the tree as the pages do. */
export function writeChapters(chapters: readonly Chapter[], folder: string): WrittenChapters {
  const write = (name: string, text: string) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  const shared = new Map<string, string[]>()
  for (const { file, code } of chapters.flatMap(({ blocks }) => blocks)) {
    if (file !== null) shared.set(file, [...(shared.get(file) ?? []), `${code}\n`])
  }
  return {
    files: [...shared].map(([name, parts]) => write(name, parts.join('\n'))),
    modules: new Map(
      chapters.map(({ name, blocks }) => [name, write(`${name}.ts`, moduleOf(blocks.filter(isRun), blockEndCode))]),
    ),
    refused: chapters.flatMap(({ name, blocks }) =>
      blocks
        .filter(({ kind }) => kind === 'refused')
        .map((block) => {
          const above = blocks.filter((each) => isRun(each) && each.line < block.line)
          const path = write(`${name}-refused-${block.line}.ts`, moduleOf([...above, block], ''))
          return { path, chapter: name, block }
        }),
    ),
  }
}

const isRun = ({ kind }: Block) => kind === 'run'

function moduleOf(blocks: readonly Block[], behindEach: string): string {
  const lines: string[] = []
  for (const { code, line } of blocks) {
    while (lines.length < line) lines.push('')
    lines.push(...code.split('\n'), behindEach)
  }
  // A page without code is a module too.
  return `${lines.join('\n')}\nexport {}\n`
}

export interface Complaint {
  readonly path: string
  /** From 0. */
  readonly line: number
  /** `error TS2345: …`, with all that follows from it, a line each. */
  readonly text: string
}

/** What the compiler says of these files, with the settings of the repository; `.cache` is there. */
export function compile(root: string, paths: readonly string[]): readonly Complaint[] {
  const folder = mkdtempSync(join(root, '.cache/compile-'))
  const project = join(folder, 'tsconfig.json')
  const compilerOptions = { noEmit: true, incremental: false, tsBuildInfoFile: null }
  writeFileSync(
    project,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: [], files: paths }),
  )
  const { stdout, error } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', project, '--pretty', 'false'],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 },
  )
  rmSync(folder, { recursive: true })
  if (error !== undefined) throw error
  return parseComplaints(stdout).map(({ path, ...complaint }) => ({ path: join(root, path), ...complaint }))
}

/** @throws Error of what is no complaint of a file: the compiler was not asked rightly */
function parseComplaints(said: string): readonly Complaint[] {
  const complaints: Complaint[] = []
  for (const text of said.split('\n').filter((each) => each !== '')) {
    const last = complaints.at(-1)
    // What follows from a complaint is indented below it.
    if (text.startsWith(' ') && last !== undefined) {
      complaints[complaints.length - 1] = { ...last, text: `${last.text}\n${text}` }
      continue
    }
    const [, path, line, words] = /^(.+?)\((\d+),\d+\): (error TS\d+: .*)$/.exec(text) ?? []
    if (path === undefined || words === undefined) throw new Error(`the compiler says: ${text}`)
    complaints.push({ path, line: Number(line) - 1, text: words })
  }
  return complaints
}

/**
 * What is wrong with a block that must not compile; empty where it is refused, by itself alone, in the lines that are shown.
 * A shown line may end in `…`, and lines between may be left out, for the compiler talks much.
 */
export function wrongRefusal({ path, block }: RefusedModule, complaints: readonly Complaint[]): readonly string[] {
  const own = complaints.filter((each) => each.path === path)
  const end = block.line + block.code.split('\n').length
  const [inside, outside] = [true, false].map((isInside) =>
    own.filter(({ line }) => (line >= block.line && line < end) === isInside),
  ) as [Complaint[], Complaint[]]
  const said = inside.flatMap(({ text }) => text.split('\n').map((line) => line.trim()))
  const isSaid = (shown: string) =>
    said.some((line) => (shown.endsWith('…') ? line.startsWith(shown.slice(0, -1)) : line === shown))
  const missing = (block.shown ?? '').split('\n').filter((line) => !isSaid(line.trim()))
  return [
    ...(inside.length === 0 ? ['it compiles'] : []),
    ...(block.shown === null ? ['the page does not show what the compiler says'] : []),
    ...outside.map(({ text }) => `elsewhere: ${text}`),
    ...missing.map((line) => `the compiler does not say: ${line}\nbut: ${said.join('\n')}`),
  ]
}
