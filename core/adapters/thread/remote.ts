/**
 * Calls methods of an object that lives in another thread. `serve` offers objects by name on one end of a message
 * channel, `remote` gives a stand-in for one of them on the other end; every method becomes a message and a promise.
 *
 * What crosses: whatever structured clone carries; of errors, our PlatformErrors arrive as what they were (class and
 * fields), RangeError, TypeError and SyntaxError as such, others as Error; an AbortSignal in an options object is carried over as a cancellation.
 * What does not: functions, streams, properties that are not methods.
 */
import type { MessagePort } from 'node:worker_threads'
import * as errors from '../../errors.ts'

type Message =
  | {
      readonly kind: 'call'
      readonly id: number
      readonly target: string
      readonly method: string
      readonly args: unknown[]
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: CarriedError }

interface CarriedError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly fields: Record<string, unknown>
  readonly cause?: CarriedError
}

/** Stands for an AbortSignal in the arguments of a call. */
const signalMark = '__signal'

type Methods = Record<string, (...args: unknown[]) => unknown>

/** Answers calls on `port` with the methods of `targets`. Returns how to stop answering. */
export function serve(port: MessagePort, targets: Readonly<Record<string, object>>): () => void {
  const running = new Map<number, AbortController>()
  const onMessage = async (message: Message): Promise<void> => {
    if (message.kind === 'cancel') return running.get(message.id)?.abort()
    if (message.kind !== 'call') return
    const controller = new AbortController()
    running.set(message.id, controller)
    try {
      const target = targets[message.target] as Methods | undefined
      const method = target?.[message.method]
      if (!target || typeof method !== 'function')
        throw new Error(`nothing answers ${message.target}.${message.method}`)
      const args = message.args.map((arg) => (hasSignalMark(arg) ? { ...arg, signal: controller.signal } : arg))
      const value = await method.apply(target, args)
      port.postMessage({ kind: 'result', id: message.id, value } satisfies Message)
    } catch (error) {
      port.postMessage({ kind: 'failure', id: message.id, error: carryError(error) } satisfies Message)
    } finally {
      running.delete(message.id)
    }
  }
  port.on('message', onMessage)
  return () => port.off('message', onMessage)
}

/** Who waits for answers on a port. One per port; its `close` fails all that still wait. */
export interface Caller {
  remote<T extends object>(target: string): T
  close(reason: Error): void
}

/** Calls what the other end of `port` serves. */
export function createCaller(port: MessagePort): Caller {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void; forget(): void }>()
  let lastId = 0
  let closed: Error | undefined
  port.on('message', (message: Message) => {
    if (message.kind !== 'result' && message.kind !== 'failure') return
    const call = waiting.get(message.id)
    waiting.delete(message.id)
    call?.forget()
    if (message.kind === 'result') call?.resolve(message.value)
    else call?.reject(restoreError(message.error))
  })

  const call = (target: string, method: string, args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(closed)
      // Cancelled before it is sent: nothing is asked of the other thread.
      for (const arg of args) if (hasSignal(arg) && arg.signal.aborted) return reject(arg.signal.reason)
      const id = ++lastId
      const cancel = () => port.postMessage({ kind: 'cancel', id } satisfies Message)
      const signals: AbortSignal[] = []
      const carried = args.map((arg) => {
        if (!hasSignal(arg)) return arg
        signals.push(arg.signal)
        return { ...arg, signal: signalMark }
      })
      for (const signal of signals) signal.addEventListener('abort', cancel, { once: true })
      // One signal may be given to call after call: it is not to remember those that were answered.
      const forget = () => {
        for (const signal of signals) signal.removeEventListener('abort', cancel)
      }
      waiting.set(id, { resolve, reject, forget })
      port.postMessage({ kind: 'call', id, target, method, args: carried } satisfies Message)
    })

  return {
    remote<T extends object>(target: string): T {
      const methods = new Map<string, (...args: unknown[]) => Promise<unknown>>()
      return new Proxy({} as T, {
        get(_, name) {
          // A stand-in is no promise: `await remote(...)` must not ask the other thread for a `then`.
          if (typeof name !== 'string' || name === 'then') return undefined
          let method = methods.get(name)
          if (!method) {
            method = (...args) => call(target, name, args)
            methods.set(name, method)
          }
          return method
        },
      })
    },
    close(reason) {
      closed = reason
      for (const { reject, forget } of waiting.values()) {
        forget()
        reject(reason)
      }
      waiting.clear()
    },
  }
}

function hasSignal(arg: unknown): arg is { readonly signal: AbortSignal } {
  return typeof arg === 'object' && arg !== null && 'signal' in arg && arg.signal instanceof AbortSignal
}

function hasSignalMark(arg: unknown): arg is object {
  return typeof arg === 'object' && arg !== null && 'signal' in arg && arg.signal === signalMark
}

/** An error as plain data that a structured clone carries whole. */
export function carryError(error: unknown): CarriedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined, fields: {} }
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(error)) {
    if (['string', 'number', 'bigint', 'boolean', 'undefined'].includes(typeof value)) fields[name] = value
  }
  const cause = error.cause === undefined ? {} : { cause: carryError(error.cause) }
  return { name: error.constructor.name, message: error.message, stack: error.stack, fields, ...cause }
}

/** The error that `carryError` took apart: `instanceof` its class again where the class is one of `core/errors.ts`. */
export function restoreError(carried: CarriedError): Error {
  const error = Object.create(prototypeOf(carried.name)) as Error
  Object.defineProperty(error, 'message', { value: carried.message, configurable: true, writable: true })
  Object.defineProperty(error, 'stack', { value: carried.stack, configurable: true, writable: true })
  if (carried.cause) Object.defineProperty(error, 'cause', { value: restoreError(carried.cause), configurable: true })
  return Object.assign(error, carried.fields)
}

const builtIn: Readonly<Record<string, object>> = {
  RangeError: RangeError.prototype,
  TypeError: TypeError.prototype,
  SyntaxError: SyntaxError.prototype,
}

function prototypeOf(name: string): object {
  const known = (errors as Record<string, unknown>)[name]
  if (typeof known === 'function' && known.prototype instanceof errors.PlatformError) return known.prototype
  return builtIn[name] ?? Error.prototype
}
