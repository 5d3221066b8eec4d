in vec3 pos, nrm, canon;
in vec4 mask;  // lips, ears, eyelids, mouth cavity
in vec3 aux;   // occlusion, part, distance inside the hairline
uniform mat4 view;
uniform vec4 collar;  // height, slope, depth of the V, thickness of the cloth
out vec3 P, N, C;
out vec4 M;
out float occlusion, cloth, scalp;
flat out float part;

void main() {
    C = canon;
    N = nrm;
    M = mask;
    occlusion = aux.x;
    part = aux.y;
    scalp = aux.z;
    cloth = canon.z - (collar.x + collar.y * (canon.y + .03))
          + collar.z * smoothstep(.075, .0, abs(canon.x)) * smoothstep(-.02, -.10, canon.y);
    P = pos;
    if (part < .5) P += nrm * smoothstep(.004, -.006, cloth) * collar.w;
    gl_Position = view * vec4(P, 1.);
    // What is in the mouth never comes through thin lips: its depth is that of a place farther back.
    if (part > 3.5) {
        vec3 away = normalize(vec3(view[0][3], view[1][3], view[2][3]));
        vec4 behind = view * vec4(P + away * .006, 1.);
        gl_Position.z = behind.z / behind.w * gl_Position.w;
    }
}
