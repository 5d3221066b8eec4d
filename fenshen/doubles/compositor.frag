#version 300 es
// One frame of a double from what its network gives, as Compositor.frame does, to two levels of 255.
//
// Runs in a browser (WebGL 2). Rows of all textures begin at the top of the picture, and so do those that are drawn:
// the first row drawn is the picture's first. Maps are enlarged by the texture units: they filter linearly and clamp
// at the edges, all but `pictures`, which are read pixel by pixel.
precision highp float;
precision highp sampler2DArray;

uniform sampler2DArray pictures;  // the keyframes, and the plate as the last layer; S x S
uniform sampler2DArray motion;    // where in each keyframe the pixel seen here lies, relative to here, in sides
uniform sampler2DArray weights;   // of the keyframes, the plate, and what the network drew
uniform sampler2D drawn;          // by the network
uniform int keyframes;            // how many
out vec4 colour;

const float UNSEEN = 1. / 512.;  // a share below which a layer changes no pixel

// The cubic kernel of Keys (1981) with a = -3/4, for the four pixels around a place this far behind the second one.
vec4 cubic(float far) {
    const float a = -.75;
    vec4 away = vec4(1. + far, far, 1. - far, 2. - far);
    vec4 near = ((a + 2.) * away - (a + 3.)) * away * away + 1.;
    vec4 outer = ((a * away - 5. * a) * away + 8. * a) * away - 4. * a;
    return vec4(outer.x, near.yz, outer.w);
}

vec3 bent(int keyframe, vec2 place) {
    ivec2 last = textureSize(pictures, 0).xy - 1;
    vec2 corner = floor(place);
    vec4 across = cubic(place.x - corner.x), down = cubic(place.y - corner.y);
    vec3 sum = vec3(0.);
    for (int row = 0; row < 4; row++)
        for (int column = 0; column < 4; column++) {
            ivec2 at = clamp(ivec2(corner) + ivec2(column, row) - 1, ivec2(0), last);
            sum += across[column] * down[row] * texelFetch(pictures, ivec3(at, keyframe), 0).rgb;
        }
    return clamp(sum, 0., 1.);
}

void main() {
    float size = float(textureSize(pictures, 0).x);
    vec2 uv = gl_FragCoord.xy / size;
    float total = texture(weights, vec3(uv, float(keyframes))).r;
    vec3 sum = total * texelFetch(pictures, ivec3(ivec2(gl_FragCoord.xy), keyframes), 0).rgb;
    for (int k = 0; k < keyframes; k++) {
        float share = texture(weights, vec3(uv, float(k))).r;
        if (share < UNSEEN) continue;
        vec2 place = gl_FragCoord.xy - .5 + size * texture(motion, vec3(uv, float(k))).rg;
        sum += share * bent(k, place);
        total += share;
    }
    float share = texture(weights, vec3(uv, float(keyframes + 1))).r;
    colour = vec4((sum + share * texture(drawn, uv).rgb) / (total + share), 1.);
}
