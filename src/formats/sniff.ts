/** What a file seems to be, by its first bytes: for errors that tell a user what was given instead of a model. */

const SIGNATURES: readonly (readonly [string, string])[] = [
  ['GGUF', 'a GGUF file'],
  ['PK\x03\x04', 'a zip archive or a PyTorch checkpoint (pickle)'],
  ['\x1f\x8b', 'a gzip archive'],
  ['\x28\xb5\x2f\xfd', 'a zstandard archive'],
  ['ggml', 'an old GGML file, from before GGUF'],
  ['ggjt', 'an old GGML file, from before GGUF'],
  ['ggla', 'an old GGML adapter, from before GGUF'],
  ['lmgg', 'an old GGML file, from before GGUF'],
  ['tjgg', 'an old GGML file, from before GGUF'],
  ['version https://git-lfs', 'a git-lfs pointer, not the file itself (run "git lfs pull")'],
  ['\x89HDF', 'an HDF5 file'],
  ['\x93NUMPY', 'a NumPy .npy file'],
  ['PAR1', 'a Parquet file'],
];

/** A noun phrase for what these first bytes (16 or more are enough) begin, or undefined where nothing is known. */
export function seemsToBe(head: Uint8Array): string | undefined {
  if (head.length === 0) return 'empty';
  const text = String.fromCharCode(...head.subarray(0, 64));
  for (const [magic, what] of SIGNATURES) if (text.startsWith(magic)) return what;
  if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) return 'a Python pickle (an old PyTorch checkpoint)';
  const words = text.trimStart().toLowerCase();
  if (words.startsWith('<!doctype') || words.startsWith('<html')) return 'an HTML page (a failed download?)';
  if (words.startsWith('<?xml')) return 'an XML page (a failed download?)';
  if (words.startsWith('{') || words.startsWith('[')) return 'JSON text';
  // The header of a safetensors file: a length that fits in 27 bits, then an object.
  if (head.length > 8 && head[8] === 0x7b && head.subarray(4, 8).every((b) => b === 0)) return 'a safetensors file';
  return undefined;
}
