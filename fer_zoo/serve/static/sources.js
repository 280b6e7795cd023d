// Pixels from a photo or the camera.

// The largest canvas of phones is 4096 × 4096; smaller photos are analysed as they are, which is what Python does.
const LONGEST = 4096;
const CAMERA_WIDTH = 640;

const canvas = document.createElement("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });

/** RGBA pixels of an image or video, at most `longest` wide and high, on black where it is transparent. */
function pixels(source, width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  context.imageSmoothingQuality = "high";
  context.fillStyle = "black";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** RGBA pixels of an image file, upright. */
export async function readPhoto(file) {
  let bitmap;
  try {
    // Colours as they are in the file, which is what the models learned from.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${file.name || "That"} is not a picture that this browser can read.`);
  }
  const image = pixels(bitmap, bitmap.width, bitmap.height, LONGEST);
  bitmap.close();
  return image;
}

const REASONS = {
  NotAllowedError: "The camera was not allowed; the browser's address bar lets you change that.",
  NotFoundError: "There is no camera on this machine.",
  NotReadableError: "The camera is in use by another program.",
};

export class Camera {
  static get reason() {
    return navigator.mediaDevices?.getUserMedia ? null : "The camera needs https or localhost.";
  }

  /** Ask for the camera, the one that looks at the user. */
  static async open() {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    try {
      const size = { width: { ideal: CAMERA_WIDTH }, facingMode: "user" };
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: size, audio: false });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The camera cannot be used (${error.message}).`);
    }
    await video.play();
    return new Camera(video);
  }

  constructor(video) {
    this.video = video;
  }

  /** RGBA pixels of the next frame. */
  async frame() {
    await new Promise((resolve) => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(resolve);
      else requestAnimationFrame(resolve);
    });
    return pixels(this.video, this.video.videoWidth, this.video.videoHeight, CAMERA_WIDTH);
  }

  close() {
    for (const track of this.video.srcObject.getTracks()) track.stop();
  }
}
