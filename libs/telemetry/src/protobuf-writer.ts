/**
 * Writes protobuf from its last byte to its first. A message says its length before it says anything else, so whoever
 * writes forward must measure everything first; whoever writes backward knows each length when it is due.
 */

/** How a field is laid out, as the low three bits of its tag. */
const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 };

/** Fields come in reverse order: the last field of a message first, what is in a message before the message is closed. */
export class BackwardWriter {
  private bytes: Buffer;
  private at: number;

  /** `capacity`: a guess at what will be written, bytes; it grows where the guess was too small. */
  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafe(Math.max(64, capacity));
    this.at = this.bytes.length;
  }

  /** How much is written, bytes: the mark that `close` needs. */
  get length(): number {
    return this.bytes.length - this.at;
  }

  /** Everything since `mark`, taken when `length` was it, becomes one message in field `field`. */
  close(field: number, mark: number): void {
    this.varint(this.length - mark);
    this.tag(field, wire.bytes);
  }

  text(field: number, text: string): void {
    this.reserve(text.length * 3);
    const end = this.at;
    // A call into C++ for each short string costs more than its bytes; nearly all are plain ASCII.
    for (let index = text.length - 1; index >= 0; index--) {
      const code = text.charCodeAt(index);
      if (code > 127) {
        this.at = end - Buffer.byteLength(text);
        this.bytes.write(text, this.at);
        break;
      }
      this.bytes[--this.at] = code;
    }
    this.varint(end - this.at);
    this.tag(field, wire.bytes);
  }

  /** Bytes that are told in lower-case hex, two digits each. */
  hex(field: number, digits: string): void {
    this.reserve(digits.length);
    for (let index = digits.length - 2; index >= 0; index -= 2)
      this.bytes[--this.at] = (nibble(digits.charCodeAt(index)) << 4) | nibble(digits.charCodeAt(index + 1));
    this.varint(digits.length / 2);
    this.tag(field, wire.bytes);
  }

  /** A whole number from 0 to 2^53 - 1. */
  integer(field: number, value: number): void {
    this.varint(value);
    this.tag(field, wire.varint);
  }

  double(field: number, value: number): void {
    this.reserve(8);
    this.at -= 8;
    this.bytes.writeDoubleLE(value, this.at);
    this.tag(field, wire.fixed64);
  }

  fixed64(field: number, value: bigint): void {
    this.reserve(8);
    this.at -= 8;
    this.bytes.writeBigUInt64LE(value, this.at);
    this.tag(field, wire.fixed64);
  }

  fixed32(field: number, value: number): void {
    this.reserve(4);
    this.at -= 4;
    this.bytes.writeUInt32LE(value, this.at);
    this.tag(field, wire.fixed32);
  }

  /** What was written, first byte first. The writer is done with. */
  finish(): Uint8Array {
    return this.bytes.subarray(this.at);
  }

  private tag(field: number, layout: number): void {
    this.varint(field * 8 + layout);
  }

  private varint(value: number): void {
    this.reserve(8);
    if (value < 0x80) {
      this.bytes[--this.at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
    this.at -= size;
    let rest = value;
    for (let index = 0; index < size - 1; index++) {
      this.bytes[this.at + index] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.at + size - 1] = rest;
  }

  private reserve(size: number): void {
    if (this.at >= size) return;
    const { length } = this;
    const wider = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, length + size));
    this.bytes.copy(wider, wider.length - length, this.at);
    this.at = wider.length - length;
    this.bytes = wider;
  }
}

function nibble(code: number): number {
  return code > 57 ? code - 87 : code - 48;
}
