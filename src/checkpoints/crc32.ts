/** What each byte does to the remainder, with 0 to 3 zero bytes after it: four tables of 256. */
const tables: Int32Array = new Int32Array(4 * 256);
for (let byte = 0; byte < 256; byte++) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  tables[byte] = remainder;
}
for (let i = 256; i < tables.length; i++) tables[i] = (tables[i - 256] >>> 8) ^ tables[tables[i - 256] & 255];

/**
 * CRC-32 of zip, gzip and PNG (ISO-HDLC: reflected, polynomial 0x04c11db7), four bytes at a time.
 *
 * @example
 * crc32(new TextEncoder().encode("123456789")); // 0xcbf43926
 */
export function crc32(bytes: Uint8Array): number {
  let remainder = -1;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    remainder ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    remainder =
      tables[768 + (remainder & 255)] ^
      tables[512 + ((remainder >>> 8) & 255)] ^
      tables[256 + ((remainder >>> 16) & 255)] ^
      tables[remainder >>> 24];
  }
  for (; at < bytes.length; at++) remainder = (remainder >>> 8) ^ tables[(remainder ^ bytes[at]) & 255];
  return ~remainder >>> 0;
}
