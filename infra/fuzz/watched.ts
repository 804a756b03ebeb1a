/** What a process that fuzzes tells the one that watches it: messages, and the input it is at, in a file. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { TargetRun } from './run-target.ts'

/** What the watched process is asked for. */
export interface Order {
  /** Those that are left, in turn. */
  readonly targets: readonly string[]
  /** Those that have `seconds` among them, by their shares. */
  readonly all: readonly string[]
  readonly seconds: number
  readonly seed: number
  /** Where it writes the input it is at. */
  readonly currentFile: string
}

/** A run's findings lose their bytes on the way: they go by base64. */
export type Told =
  | { readonly kind: 'begun'; readonly target: string }
  | { readonly kind: 'run'; readonly run: TargetRun; readonly inputs: readonly string[] }

const headerBytes = 16

/** Writes number and bytes over what was there before: a few microseconds an input. */
export function inputWriter(file: string): { write(number: number, input: Buffer): void; close(): void } {
  const descriptor = openSync(file, 'w')
  const header = Buffer.alloc(headerBytes)
  return {
    write(number, input) {
      header.writeDoubleLE(number, 0)
      header.writeUInt32LE(input.length, 8)
      writeSync(descriptor, Buffer.concat([header, input]), 0, headerBytes + input.length, 0)
    },
    close: () => closeSync(descriptor),
  }
}

/** The input that a process was at; undefined before its first. */
export function currentInput(file: string): { readonly number: number; readonly input: Buffer } | undefined {
  const bytes = readFileSync(file)
  if (bytes.length < headerBytes) return undefined
  const length = bytes.readUInt32LE(8)
  return { number: bytes.readDoubleLE(0), input: bytes.subarray(headerBytes, headerBytes + length) }
}
