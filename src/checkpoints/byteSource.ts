/** Bytes that can be read piece by piece: a file, a Blob, or memory. */
export interface ByteSource {
  /** What messages call it: the path, or the kind of object. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes from byte `offset` into memory that belongs to the caller.
   *
   * @throws RangeError if that reaches beyond the end
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Lets go of the file; calling it again does nothing. */
  close(): Promise<void>;
}
