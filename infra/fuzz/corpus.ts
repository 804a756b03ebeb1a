/** The corpus on disk: a folder a target, a file an input, small and checked in. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FuzzTarget } from './target.ts'

/** A found input longer than this is kept beside the corpus only by hand: the corpus stays small. */
export const corpusFileMaxBytes = 64 * 1024

const root = fileURLToPath(new URL('./corpus/', import.meta.url))

export interface CorpusEntry {
  readonly file: string
  readonly input: Buffer
}

/** Names of all targets: each has a folder. */
export function corpusNames(): readonly string[] {
  return readdirSync(root).sort()
}

/** Of the files of a target. */
export function formOf(name: string): FuzzTarget['form'] {
  return readdirSync(`${root}${name}`).some((file) => file.endsWith('.txt')) ? 'text' : 'bytes'
}

/** In the order of their names, so that a seed means the same everywhere. */
export function readCorpus({ name }: Pick<FuzzTarget, 'name'>): readonly CorpusEntry[] {
  const folder = `${root}${name}`
  return readdirSync(folder)
    .sort()
    .map((file) => ({ file, input: readFileSync(`${folder}/${file}`) }))
}

/** Adds an input, under the name given; returns its path. */
export function saveInput({ name, form }: Pick<FuzzTarget, 'name' | 'form'>, as: string, input: Buffer): string {
  mkdirSync(`${root}${name}`, { recursive: true })
  const path = `${root}${name}/${as}.${form === 'text' ? 'txt' : 'bin'}`
  writeFileSync(path, input)
  return path
}

/** A name for an input that was found. */
export function foundName(input: Buffer): string {
  return `found-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`
}
