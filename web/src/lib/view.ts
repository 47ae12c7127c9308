// Where the image lies on the screen. Image coordinates: the centre of the top-left pixel is (0, 0).

export interface View { scale: number; x: number; y: number }
export type Size = readonly [number, number];

export const LEAST_SCALE = 0.02;
export const MOST_SCALE = 64;

export const toScreen = (view: View, x: number, y: number): [number, number] =>
  [(x + 0.5) * view.scale + view.x, (y + 0.5) * view.scale + view.y];

export const toImage = (view: View, x: number, y: number): [number, number] =>
  [(x - view.x) / view.scale - 0.5, (y - view.y) / view.scale - 0.5];

/** The whole image, centred, with a small margin. */
export function fit(image: Size, screen: Size, margin = 8): View {
  const scale = Math.max(LEAST_SCALE,
    Math.min((screen[0] - 2 * margin) / image[0], (screen[1] - 2 * margin) / image[1], MOST_SCALE));
  return { scale, x: (screen[0] - image[0] * scale) / 2, y: (screen[1] - image[1] * scale) / 2 };
}

/** A box of the image with room around it. */
export function fitBox(box: [number, number, number, number], screen: Size): View {
  const [left, top, right, bottom] = box;
  const side = Math.max(right - left, bottom - top, 16) * 1.6;
  const scale = Math.min(MOST_SCALE, Math.min(screen[0], screen[1]) / side);
  return {
    scale,
    x: screen[0] / 2 - ((left + right) / 2 + 0.5) * scale,
    y: screen[1] / 2 - ((top + bottom) / 2 + 0.5) * scale,
  };
}

/** Zooms so that what lies under (x, y) stays there. */
export function zoomAt(view: View, factor: number, x: number, y: number): View {
  const scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, view.scale * factor));
  const real = scale / view.scale;
  return { scale, x: x - (x - view.x) * real, y: y - (y - view.y) * real };
}

export const inside = (image: Size, x: number, y: number) =>
  x >= -0.5 && y >= -0.5 && x <= image[0] - 0.5 && y <= image[1] - 0.5;
