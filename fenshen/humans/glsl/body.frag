layout(location = 0) out vec4 colour;
layout(location = 1) out float kind;
in vec3 P, N, C;
in vec4 M;
in float occlusion, cloth, scalp;
flat in float part;
uniform vec3 skin, lip_col, iris, cloth_col, cloth_col2, scalp_col, blush_col, eye_left, eye_right;
uniform vec4 marks;   // blush, stubble, freckles, scalp under hair
uniform vec4 makeup;  // lid, stripes, lipstick, radius of the eye

struct Surface {
    vec3 albedo, wrap;  // wrap: how far light creeps round, by colour, for what scatters below the skin
    float shine, rough, light, kind;
};

Surface fabric() {
    vec3 c = mix(cloth_col, cloth_col2, smoothstep(-.011, -.009, cloth));
    if (makeup.y > .5) c = mix(c, cloth_col2, step(.5, fract(C.z * 28.)));
    if (detail > .5) c *= .95 + .1 * noise(C * vec3(1400., 1400., 700.));
    return Surface(c, vec3(.15), .05, .9, min(occlusion * 1.05, 1.) * mix(.75, 1., smoothstep(0., -.02, cloth)), 6.);
}

// Light that comes in between the lips: less, the deeper.
float depth_light() { return mix(.08, .9, smoothstep(-.095, -.142, C.y)); }

Surface flesh() {
    float side = abs(C.x);
    vec3 c = skin;
    float nose = gauss(vec2(C.x, C.z - .697), vec2(.016)) * smoothstep(-.14, -.16, C.y);
    c = mix(c, c * vec3(1.06, .80, .76), clamp(nose * .4 + M.y * .35, 0., 1.));
    float cheek = gauss(vec2(side - .041, C.z - .693), vec2(.02, .018)) * smoothstep(-.07, -.11, C.y);
    c = mix(c, blush_col, clamp(cheek * marks.x, 0., 1.));
    float socket = gauss(vec2(side - .032, C.z - .729), vec2(.02, .012)) * smoothstep(-.09, -.12, C.y);
    c = mix(c, c * vec3(.88, .78, .78), socket * .5);
    float chin = smoothstep(.69, .66, C.z) * smoothstep(-.04, -.08, C.y) * smoothstep(.60, .622, C.z)
               * (1. - .9 * gauss(vec2(C.x, C.z - .681), vec2(.012, .006)));
    float upper = gauss(vec2(C.x, C.z - .681), vec2(.03, .007)) * smoothstep(-.12, -.14, C.y);
    float grain = detail > .5 ? .6 + .4 * noise(C * 2200.) : .8;
    c = mix(c, c * vec3(.62, .62, .66), clamp(chin + upper, 0., 1.) * marks.y * grain);
    if (marks.z > .01) {
        float spots = smoothstep(.70, .80, noise(C * 420.)) * gauss(vec2(C.x, C.z - .705), vec2(.05, .022));
        c = mix(c, c * vec3(.74, .58, .48), spots * marks.z * .55);
    }
    c *= .97 + .06 * noise(C * 160.);
    if (detail > .5) c *= .97 + .06 * noise(C * 1500.);
    Surface s = Surface(c, vec3(.45, .18, .10), .26, .5, occlusion, 1.);
    float lip = smoothstep(.25, .75, M.x);
    vec3 lips = lip_col;
    if (detail > .5) lips *= .92 + .16 * noise(vec3(C.x * 1800., C.y * 300., C.z * 250.));
    s.albedo = mix(c, lips, lip * .9);
    s.shine = mix(s.shine, .42 + .25 * makeup.z, lip);
    s.rough = mix(s.rough, .36, lip);
    if (lip > .5) s.kind = 2.;
    s.albedo = mix(s.albedo, s.albedo * vec3(.72, .60, .58), smoothstep(.3, .9, M.z) * .4 * makeup.x);
    float hair = smoothstep(-.004, .006, scalp + .004 * (noise(C * 500.) - .5)) * marks.w;
    s.albedo = mix(s.albedo, scalp_col, hair);
    s.shine *= 1. - .7 * hair;
    if (hair > .5) s.kind = 4.;
    if (M.w > .5) s = Surface(vec3(.52, .19, .18), vec3(.5, .25, .2), .2, .35, .7 * depth_light(), 7.);
    return s;
}

// How far a place is from where the nearest tooth ends, in metres from the middle.
float tooth_edge(vec4 ends, float last) {
    vec4 far = abs(abs(C.x) - ends);
    return min(min(min(far.x, far.y), min(far.z, far.w)), abs(abs(C.x) - last));
}

// The mesh has one band of each row: teeth are painted on it, round where they end, with gums behind them.
Surface tooth() {
    bool lower = part > 4.1;
    float edge = lower ? tooth_edge(vec4(0., .0053, .0112, .0175), .0235) : tooth_edge(vec4(0., .0085, .015, .0215), .0265);
    float bite = lower ? .6698 - C.z : C.z - .6562;  // metres from the biting edge
    float corner = smoothstep(.0022, .0004, edge) * smoothstep(.0016, .0, bite);
    float gap = exp(-edge * edge / .0005 / .0005);
    float gum = smoothstep(.0135, .0150, bite + .0012 * smoothstep(.003, .0, edge));
    vec3 enamel = mix(vec3(.93, .90, .84), vec3(.86, .80, .70), smoothstep(.004, .012, bite));
    vec3 c = mix(enamel, vec3(.66, .34, .33), gum);
    c = mix(c * (1. - .28 * gap), vec3(.10, .04, .035), corner);
    float light = mix(.15, 1.1, smoothstep(-.108, -.146, C.y)) * (lower ? .72 : 1.) * (1. - .12 * smoothstep(.0045, .0, edge));
    return Surface(c, vec3(.55), .35, .3, light, 7.);
}

Surface eyeball() {
    vec3 d = C - (part < 1.5 ? eye_left : eye_right);
    float r = length(d.xz) / makeup.w;
    vec3 c = mix(vec3(.86, .845, .83), vec3(.76, .60, .56), smoothstep(.65, 1.1, r) * .45);
    if (d.y < 0.) {
        float angle = atan(d.z, d.x);
        float fibres = .8 + .4 * noise(vec3(cos(angle) * 9., sin(angle) * 9., r * 6.));
        vec3 ring = iris * fibres * mix(1.25, .8, smoothstep(.18, .50, r));
        ring = mix(ring, iris * .25, smoothstep(.42, .51, r));
        c = mix(ring, c, smoothstep(.465, .525, r));
        c = mix(vec3(.012), c, smoothstep(.175, .215, r));
    }
    float lid = mix(.62, 1.05, smoothstep(.0095, .0, d.z)) * mix(1., .8, smoothstep(.4, 1., r));
    return Surface(c, vec3(.5, .45, .42), 1.2, .13, lid, 3.);
}

void main() {
    vec3 n = normalize(N), v = normalize(eye - P);
    float sun = lit(P, n, .003);
    Surface s;
    if (part < .5) {
        if (detail > .5) {  // pores, or threads
            vec3 q = C * (cloth < 0. ? 1500. : 1100.);
            n = normalize(n + .16 * (vec3(noise(q), noise(q + 7.), noise(q + 13.)) - .5));
        }
        if (cloth < 0.) s = fabric(); else s = flesh();
        if (s.kind == 7.) sun = mix(sun, 1., .35);
    } else if (part < 2.5) {
        s = eyeball();
        sun = mix(sun, 1., .25);
    } else if (part < 4.5) {
        s = tooth();
        sun = mix(sun, 1., .6);
    } else {
        float groove = gauss(vec2(C.x, 0.), vec2(.0015, 1.));
        s = Surface(vec3(.66, .31, .30) * (1. - .15 * groove), vec3(.5, .3, .3), .3, .35, depth_light(), 7.);
        sun = mix(sun, 1., .5);
    }
    vec3 albedo = linear_of(s.albedo);
    float nl = dot(n, key_dir);
    bool living = s.kind < 3. || s.kind == 7.;
    vec3 diffuse = max((vec3(nl) + s.wrap) / (1. + s.wrap), 0.);
    vec3 shade = mix(vec3(sun), vec3(1.), living ? vec3(.10, .035, .025) : vec3(.02));
    vec3 fill = max((vec3(dot(n, fill_dir)) + s.wrap) / (1. + s.wrap), 0.) * fill_col;
    vec3 hidden = living ? pow(vec3(s.light), vec3(.75, 1., 1.05)) : vec3(s.light);
    if (toon > .5) {
        float band = banded(clamp((nl * .5 + .5) * mix(.55, 1., sun), 0., 1.));
        colour = vec4(display(albedo * (key_col * band * .9 + ambient(n) * .8) * mix(1., s.light, .5)), 1.);
    } else {
        vec3 c = albedo * (key_col * diffuse * shade * mix(s.light, 1., .5) + (ambient(n) + fill) * hidden);
        vec3 h = normalize(v + key_dir);
        float nh = max(dot(n, h), 0.), nv = max(dot(n, v), .02), a = s.rough * s.rough;
        float lobe = a * a / pow(nh * nh * (a * a - 1.) + 1., 2.) * .3183;  // GGX
        float fresnel = .04 + .96 * pow(1. - max(dot(h, v), 0.), 5.);
        c += key_col * s.shine * lobe * fresnel * .8 * max(nl, 0.) * sun;
        c += ambient(reflect(-v, n)) * s.shine * (.04 + .5 * pow(1. - nv, 4.)) * s.light * .6;
        c += rim_col * pow(1. - nv, 3.) * max(dot(n, rim_dir), 0.) * s.light * albedo * 2.;
        colour = vec4(display(c), 1.);
    }
    if (s.kind == 3.) {
        float glint = smoothstep(.984, .994, dot(reflect(-v, n), normalize(key_dir + v * .35 + vec3(0, 0, .25))));
        colour.rgb = mix(colour.rgb, vec3(1.), glint * .75);
    }
    kind = s.kind / 255.;
}
