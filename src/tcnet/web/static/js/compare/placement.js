// Where a picture lies in the stage that shows it, in pixels of the page.

/**
 * zoom: "fit", or pixels of the screen per pixel of the picture. centre: the picture's point that is to be in the
 * middle, in its pixels. devicePixelRatio: pixels of the screen per pixel of the page.
 * Returns {scale, left, top, centre}: the centre is moved so that no side shows more emptiness than it must.
 */
export function place(stage, picture, zoom, centre, devicePixelRatio) {
  const whole = Math.min(stage.width / picture.width, stage.height / picture.height);
  const scale = zoom === "fit" ? whole : zoom / devicePixelRatio;
  const x = placeAxis(stage.width, picture.width, scale, centre.x);
  const y = placeAxis(stage.height, picture.height, scale, centre.y);
  return { scale, left: x.start, top: y.start, centre: { x: x.centre, y: y.centre } };
}

function placeAxis(stage, picture, scale, centre) {
  const length = picture * scale;
  if (length <= stage) {
    return { start: (stage - length) / 2, centre: picture / 2 };
  }
  const start = Math.min(0, Math.max(stage - length, stage / 2 - centre * scale));
  return { start, centre: (stage / 2 - start) / scale };
}
