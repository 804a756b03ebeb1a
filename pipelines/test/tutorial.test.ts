/** The chapters of docs/tutorial compile, refuse and print what their pages show. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  blockEnd,
  type Complaint,
  compile,
  parseChapter,
  readChapters,
  type WrittenChapters,
  writeChapters,
  wrongRefusal,
} from './support/chapters.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = readChapters(join(root, 'docs/tutorial'))
const samples = [
  parseChapter('sample', '# S\n\n```ts\nconsole.log({ a: 1 })\nconsole.log(2)\n```\n\n```text\n{ a: 1 }\n2\n```\n'),
  parseChapter('compiles', '```ts refused\nexport const a: number = 1\n```\n```text\nnot assignable\n```'),
  parseChapter('refused', '```ts refused\nexport const a: number = "1"\n```\n```text\nerror TS2322: Type …\n```'),
  parseChapter('said', "```ts refused\nexport const a: number = '1'\n```\n```text\nerror TS2322\n```"),
  parseChapter('silent', "```ts refused\nexport const a: number = '1'\n```"),
  parseChapter(
    'above',
    "```ts\nexport const a: number = '1'\n```\n```ts refused\nexport const b = c\n```\n```text\nerror TS2304: …\n```",
  ),
]

let folder: string
let written: WrittenChapters
let complaints: readonly Complaint[]

beforeAll(() => {
  // As deep in the tree as the pages are, so that paths of imports are those of a reader; unseen by Git and by Vitest.
  mkdirSync(join(root, '.cache'), { recursive: true })
  folder = mkdtempSync(join(root, '.cache/tutorial-'))
  written = writeChapters([...pages, ...samples], folder)
  complaints = compile(root, [
    ...written.files,
    ...written.modules.values(),
    ...written.refused.map(({ path }) => path),
  ])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

const moduleOf = (chapter: string) => written.modules.get(chapter) as string
const shownBy = (chapter: string) =>
  [...pages, ...samples]
    .find(({ name }) => name === chapter)
    ?.blocks.flatMap(({ kind, shown, line }) => (kind === 'run' ? [`line ${line + 1}\n${shown ?? ''}`] : []))

/** What a chapter prints, by block, under the line of the page where the block begins. */
async function printedBy(chapter: string): Promise<readonly string[]> {
  const lines: string[] = []
  vi.spyOn(console, 'log').mockImplementation((...args) => {
    lines.push(format(...args))
  })
  await import(/* @vite-ignore */ moduleOf(chapter))
  return inBlocks(chapter, lines)
}

function inBlocks(chapter: string, lines: readonly string[]): readonly string[] {
  const parts = `${lines.join('\n')}\n`.split(`${blockEnd}\n`).slice(0, -1)
  const blocks = [...pages, ...samples]
    .find(({ name }) => name === chapter)
    ?.blocks.filter(({ kind }) => kind === 'run')
  return parts.map((part, at) => `line ${(blocks?.[at]?.line ?? 0) + 1}\n${part.replace(/\n+$/, '')}`)
}

const wrongAt = (chapter: string) =>
  written.refused.filter((each) => each.chapter === chapter).flatMap((each) => wrongRefusal(each, complaints))

describe.each(pages.map(({ name }) => name))('the chapter %s', (chapter) => {
  it('compiles', () => {
    const own = [moduleOf(chapter), ...written.files]
    expect(complaints.filter(({ path }) => own.includes(path))).toEqual([])
  })

  it('prints what it shows, block by block', async () => {
    expect(await printedBy(chapter)).toEqual(shownBy(chapter))
  })

  it('is refused where it says so, in the words that it shows', () => {
    expect(wrongAt(chapter)).toEqual([])
  })
})

describe('the tutorial', () => {
  it('runs as its first page says', () => {
    const [first] = pages
    const name = first?.name ?? ''
    const out = execFileSync(process.execPath, ['infra/test/run-typescript.mjs', moduleOf(name)], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(inBlocks(name, out.split('\n').slice(0, -1))).toEqual(shownBy(name))
  })
})

describe('a page', () => {
  it('that shows what it prints is right, and one that shows something else is not', async () => {
    expect(await printedBy('sample')).toEqual(shownBy('sample'))
    expect(shownBy('sample')).toEqual(['line 4\n{ a: 1 }\n2'])
  })

  it('whose refused block compiles, or is refused in other words, in silence or for a block above it, is wrong', () => {
    expect(wrongAt('refused')).toEqual([])
    expect(wrongAt('compiles')).toContain('it compiles')
    expect(wrongAt('said')[0]).toMatch(/^the compiler does not say: error TS2322/)
    expect(wrongAt('silent')).toContain('the page does not show what the compiler says')
    expect(wrongAt('above')).toEqual([expect.stringMatching(/^elsewhere: error TS2322/)])
  })

  it('with a block that never ends, or is marked with what nobody knows, is refused', () => {
    expect(() => parseChapter('a', 'text\n```ts\nconst a = 1\n')).toThrow('a.md:2')
    expect(() => parseChapter('a', '```ts maybe\n```')).toThrow("'maybe'")
  })
})
