/** Pages whose commands are run: blocks of `sh`, and behind one what it prints, where `…` stands for anything. */
import { readFileSync } from 'node:fs'

export interface CommandBlock {
  /** Of the page, from 1. */
  readonly line: number
  readonly commands: string
  /** null: nothing is shown. */
  readonly shown: string | null
}

/** @throws Error naming the line of a block that never ends */
export function commandBlocks(file: string): readonly CommandBlock[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  const blocks: { line: number; commands: string; shown: string | null }[] = []
  for (let at = 0; at < lines.length; at++) {
    const kind = /^```(\w+)$/.exec(lines[at] as string)?.[1]
    if (kind === undefined) continue
    const end = lines.indexOf('```', at + 1)
    if (end === -1) throw new Error(`${file}:${at + 1} never ends`)
    const text = lines.slice(at + 1, end).join('\n')
    const last = blocks.at(-1)
    if (kind === 'sh') blocks.push({ line: at + 1, commands: text, shown: null })
    else if (kind === 'text' && last !== undefined) last.shown = text
    at = end
  }
  return blocks
}

/** Prints which block begins, so that what a whole page prints can be cut. */
export const blockMark = '=== block '

/** One script, so that what a block exports or starts is there for the next. As at a prompt, it goes on where one fails. */
export function scriptOf(blocks: readonly CommandBlock[]): string {
  return blocks.flatMap(({ line, commands }) => [`echo '${blockMark}${line}'`, commands]).join('\n')
}

/** By the line of its block. */
export function outputOf(printed: string): ReadonlyMap<number, string> {
  return new Map(
    printed
      .split(blockMark)
      .slice(1)
      .map((part): [number, string] => [Number.parseInt(part, 10), part.slice(part.indexOf('\n') + 1)]),
  )
}

/** Whether it is what is shown: text by text in its order, blanks counting once, `…` for anything, line ends too. */
export function isShown(output: string, shown: string): boolean {
  const plain = (text: string) => text.replace(/\s+/g, ' ').trim()
  const parts = plain(shown)
    .split('…')
    .map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('[\\s\\S]*')}$`).test(plain(output))
}
